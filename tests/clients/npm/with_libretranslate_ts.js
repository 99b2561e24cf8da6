// npm's libretranslate-ts against a running server: JSON through axios, with alternatives.
import assert from "node:assert/strict";
import { libreTranslate } from "libretranslate-ts";

const [base, facts] = [process.argv[2], JSON.parse(process.argv[3])];
libreTranslate.setApiEndpoint(base);
const languages = await libreTranslate.listLanguages();
assert.deepEqual(Object.fromEntries(languages.map(({ code, targets }) => [code, targets])), facts.targets);
const guess = await libreTranslate.detect(facts.german);
assert.equal(guess.language, "de");
assert.ok(guess.confidence > 0 && guess.confidence <= 100);
const plain = await libreTranslate.translate(facts.german, "de", "en");
assert.equal(plain.translatedText, facts.english);
const more = await libreTranslate.translate(facts.german, "de", "es", 3);
assert.equal(more.translatedText, facts.spanish);
assert.ok(more.alternatives.length > 0 && more.alternatives.length <= 3);
assert.ok(!more.alternatives.includes(facts.spanish));
libreTranslate.setApiKey("x");
assert.equal((await libreTranslate.translate(facts.german, "auto", "en")).translatedText, facts.english);
// It gives any refusal the status 500, and the server's words.
const refused = await libreTranslate.translate(facts.german, "en", "de");
assert.match(refused.error, /German \(de\) is not available as a target language from English \(en\)/);
