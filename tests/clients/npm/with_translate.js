// npm's translate against a running server: JSON; an empty translation is an error to it.
import assert from "node:assert/strict";
import translate from "translate";

const [base, facts] = [process.argv[2], JSON.parse(process.argv[3])];
translate.engine = "libre";
translate.url = `${base}/translate`;
assert.equal(await translate(facts.german, { from: "de", to: "en" }), facts.english);
assert.equal(await translate(facts.german, { from: "german", to: "spanish" }), facts.spanish);
assert.equal(await translate(facts.lines, { from: "de", to: "en" }), facts.english_lines);
assert.equal(await translate("12:30 & 50% + 😀", { from: "de", to: "en" }), "12:30 & 50% + 😀");
translate.key = "x";
assert.equal(await translate(`${facts.german} `, { from: "de", to: "en" }), `${facts.english} `);
await assert.rejects(
  translate(facts.german, { from: "en", to: "de" }),
  /German \(de\) is not available as a target language from English \(en\)/,
);
