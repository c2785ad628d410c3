// The words with their times: one stop of the Tab key, arrow keys within.

import { clockTime } from "./answers.js";
import { byId, make } from "./elements.js";

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };

/** The words of all answers, one of which is current. */
export class Words {
  constructor(onSeek) {
    this.place = byId("words");
    this.buttons = [];
    this.times = [];
    this.current = -1;
    this.place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.enter(this.buttons.indexOf(button), onSeek);
    });
    this.place.addEventListener("keydown", (event) => this.key(event));
  }

  show(answers) {
    this.current = -1;
    const known = answers.map((answer) => answer.words.filter(({ text }) => text)); // without: words not known
    this.times = known.flat();
    this.buttons = this.times.map(({ text, start }, i) => {
      const attributes = { type: "button", class: "word", tabindex: i ? -1 : 0 };
      return make("button", attributes, text, make("span", { class: "at" }, clockTime(start)));
    });
    let next = 0;
    const paragraphs = known.map((words) => make("p", {}, ...this.buttons.slice(next, (next += words.length))));
    this.place.replaceChildren(...paragraphs.filter((paragraph) => paragraph.children.length));
    byId("words-note").textContent = this.times.length
      ? "Click a word to go there; arrow keys move from word to word."
      : "No words are known of this clip. Give what is said, and the model can use the text as well.";
    this.place.hidden = !this.times.length;
  }

  /** Mark the word that is being said. */
  mark(time) {
    const now = this.times.findIndex(({ start, end }) => start <= time + 1e-3 && time + 1e-3 < end);
    if (now === this.current) return;
    this.buttons[this.current]?.removeAttribute("aria-current");
    this.current = now;
    if (now < 0) return;
    this.buttons[now].setAttribute("aria-current", "true");
    this.reveal(this.buttons[now]);
  }

  /** Scroll the box, not the page: the paragraph first, and the word if that is not enough. */
  reveal(button) {
    const { top, bottom } = this.place.getBoundingClientRect();
    for (const each of [button.parentElement, button]) {
      const at = each.getBoundingClientRect();
      if (at.top < top || at.bottom > bottom) this.place.scrollTop += at.top - top;
    }
  }

  enter(number, onSeek) {
    this.focusable(number);
    onSeek(this.times[number].start);
  }

  key(event) {
    const from = this.buttons.indexOf(document.activeElement);
    const ends = { Home: 0, End: this.buttons.length - 1 };
    const to = ends[event.key] ?? from + (STEPS[event.key] ?? 0);
    if (from < 0 || to === from || !this.buttons[to]) return;
    event.preventDefault();
    this.focusable(to);
    this.buttons[to].focus();
  }

  focusable(number) {
    this.buttons.forEach((button, i) => { button.tabIndex = i === number ? 0 : -1; });
  }
}
