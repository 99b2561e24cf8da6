// Cuts a text into sentences and puts their translations in their places; the engine's own rules know European
// punctuation only.

// Signs of scripts without spaces between words: those of crosslate.languages.words.
const UNSPACED = /[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{3ffff}]/u;

function segmenter(language) {
  const options = { granularity: "sentence" };
  try {
    return new Intl.Segmenter(language, options);
  } catch {
    return new Intl.Segmenter(undefined, options); // not a code that browsers know
  }
}

// Sentences and what stands between them: line ends and spaces stay as they are.
function cut(text, language) {
  const parts = [];
  for (const { segment } of segmenter(language).segment(text)) {
    const sentence = segment.trim();
    const start = segment.indexOf(sentence);
    parts.push({ before: segment.slice(0, start), sentence, after: segment.slice(start + sentence.length) });
  }
  return parts;
}

// The text in another language, and how many sentences it has; `translate` takes one sentence a line.
export async function translated(text, language, translate) {
  const parts = cut(text, language);
  const sentences = parts.map((each) => each.sentence).filter(Boolean);
  const translation = await translate(sentences.join("\n"));
  if (translation === null) return null;
  const lines = translation.split("\n");
  if (lines.length !== sentences.length) throw new Error(`${sentences.length} sentences, ${lines.length} translations`);
  let result = "";
  for (const { before, sentence, after } of parts) {
    const line = sentence && lines.shift().trim();
    const isJoined = result && line && !before && !/\s$/u.test(result);
    if (isJoined && !UNSPACED.test([...result].at(-1)) && !UNSPACED.test([...line][0])) result += " ";
    result += before + line + after;
  }
  return result;
}
