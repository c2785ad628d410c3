// One time for player, words and curve. It also runs where the browser cannot play the clip.

import { make } from "./elements.js";

/** The player of a clip and its time. Both callbacks take no arguments. */
export class Clock {
  constructor(place, onTime, onTrouble) {
    this.place = place;
    this.onTime = onTime;
    this.onTrouble = onTrouble;
    this.media = null;
    this.own = 0;
  }

  /** Play a file; a recording without pictures gets a player of sound. */
  open(file, kind = file.type.startsWith("audio/") ? "audio" : "video") {
    this.close();
    this.url = URL.createObjectURL(file);
    const media = make(kind, { controls: true, preload: "auto", src: this.url, "aria-label": `The clip ${file.name}` });
    if (kind === "video") media.playsInline = true;
    media.addEventListener("loadedmetadata", () => {
      if (kind === "video" && !media.videoWidth) this.open(file, "audio");
      else this.onTime();
    });
    media.addEventListener("error", () => { if (this.media === media) this.fail(); });
    for (const event of ["timeupdate", "seeked", "pause"]) media.addEventListener(event, this.onTime);
    media.addEventListener("play", () => this.follow());
    this.media = media;
    this.place.replaceChildren(media);
  }

  close() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.media?.removeAttribute("src");
    this.media = this.url = null;
    this.own = 0;
    this.place.replaceChildren();
  }

  get time() {
    return this.media?.readyState ? this.media.currentTime : this.own;
  }

  /** Length in s; 0 where it is not known. */
  get duration() {
    const length = this.media?.duration ?? 0;
    return Number.isFinite(length) ? length : 0;
  }

  seek(time) {
    this.own = time;
    if (this.media?.readyState) this.media.currentTime = time;
    this.onTime();
  }

  follow() {
    if (!this.media || this.media.paused || this.media.ended) return;
    this.onTime();
    requestAnimationFrame(() => this.follow());
  }

  fail() {
    this.media = null;
    this.place.replaceChildren();
    this.onTrouble();
  }
}
