// The sentences of a translation, where they lie in it, and their alternatives.

const AHEAD = 2000; // characters, in which the next sentence is looked for

export class Sentences {
  #all = []; // { source, translation, alternatives, start }; start is undefined where it lies nowhere
  #text;
  #end = 0; // of what was translated of the text

  // What is there before the whole is: line breaks are taken from the text.
  soFar = "";

  constructor(text = "") {
    this.#text = text;
  }

  get length() {
    return this.#all.length;
  }

  add(sentence) {
    this.#all.push({ ...sentence });
    const { source, translation } = sentence;
    // In the text, there may be an emoji or an address in the sentence: then its first word tells its place.
    const ahead = this.#text.slice(this.#end, this.#end + source.length + AHEAD);
    const known = [source, /\S*/.exec(source)[0]].find((part) => ahead.includes(part)) ?? "";
    const gap = ahead.slice(0, ahead.indexOf(known));
    this.soFar += (gap.includes("\n") ? gap.slice(gap.indexOf("\n")) : this.soFar && " ") + translation;
    this.#end += gap.length + known.length;
  }

  at(index) {
    return this.#all[index];
  }

  // Finds the sentences in the whole translation, in order. `written` has them as they stand there, with what
  // was not translated.
  place(whole, written) {
    let end = 0;
    for (const [index, each] of this.#all.entries()) {
      Object.assign(each, written[index]);
      const start = each.translation ? whole.indexOf(each.translation, end) : -1;
      each.start = start < 0 ? undefined : start;
      if (start >= 0) end = start + each.translation.length;
    }
  }

  // [{ index, start, end }] of those that have alternatives, in UTF-16 units of the translation.
  places() {
    const all = this.#all.map(({ start, translation }, index) => ({ index, start, end: start + translation.length }));
    return all.filter(({ index, start }) => start !== undefined && this.#all[index].alternatives?.length);
  }

  // Puts another translation in a sentence's place, and returns the whole; the old one becomes an alternative.
  change(index, translation, whole) {
    const each = this.#all[index];
    const changed = whole.slice(0, each.start) + translation + whole.slice(each.start + each.translation.length);
    each.alternatives = each.alternatives.map((other) => (other === translation ? each.translation : other));
    const shift = translation.length - each.translation.length;
    each.translation = translation;
    for (const later of this.#all.slice(index + 1)) if (later.start !== undefined) later.start += shift;
    return changed;
  }
}
