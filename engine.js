// The translation engine, in a worker, and the files that it reads.

export async function openEngine({ engine, pairs }, onLoading) {
  const { LatencyOptimisedTranslator, SupersededError, TranslatorBacking } = await import(`./${engine}/translator.js`);

  // The package looks models up in a registry of its own; here, the folder's index is the registry.
  class Models extends TranslatorBacking {
    async loadModelRegistery() {
      return pairs;
    }

    async loadTranslationModel({ from, to }) {
      const pair = pairs.find((each) => each.from === from && each.to === to);
      onLoading(pair);
      const [model, ...vocabs] = await Promise.all([pair.model, ...new Set(pair.vocabularies)].map(read));
      return { model, vocabs, shortlist: null, qualityModel: null, config: pair.config };
    }
  }

  let fail;
  const failed = new Promise((_, reject) => { fail = reject; });
  failed.catch(() => {}); // whoever waits for a translation sees it
  const models = new Models({ pivotLanguage: null });
  models.onerror = fail; // not among the options, which are copied into the worker
  const translator = new LatencyOptimisedTranslator({}, models);
  translator.worker.catch(fail);

  // The translation of a text; null if another text was given before this one's turn came.
  return async (from, to, text) => {
    try {
      return (await Promise.race([translator.translate({ from, to, text, html: false }), failed])).target.text;
    } catch (error) {
      if (error instanceof SupersededError) return null;
      throw error;
    }
  };
}

// A file whose content is as it was exported: its name is its hash.
async function read(name) {
  const hash = name.match(/[0-9a-f]{64}/)[0];
  const bytes = String.fromCharCode(...hash.match(/../g).map((each) => parseInt(each, 16)));
  const response = await fetch(name, { integrity: `sha256-${btoa(bytes)}` });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
  return response.arrayBuffer();
}
