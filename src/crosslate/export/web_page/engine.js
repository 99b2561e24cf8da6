// The translation engine, in a worker, and the files that it reads.

export async function openEngine({ engine, pairs }, onLoading) {
  const { LatencyOptimisedTranslator, SupersededError, TranslatorBacking } = await import(`./${engine.folder}/translator.js`);

  // The package looks models up in a registry of its own; here, the folder's index is the registry.
  class Models extends TranslatorBacking {
    async loadModelRegistery() {
      return pairs.map(({ source, target }) => ({ from: source, to: target }));
    }

    async loadTranslationModel({ from, to }) {
      const pair = pairs.find((each) => each.source === from && each.target === to);
      onLoading(pair);
      const vocabularies = new Set([pair.source_vocabulary, pair.target_vocabulary]);
      const [model, ...vocabs] = await Promise.all([pair.model, ...vocabularies].map(read));
      return { model, vocabs, shortlist: null, qualityModel: null, config: pair.options };
    }
  }

  let fail;
  const failed = new Promise((_, reject) => { fail = reject; });
  failed.catch(() => {}); // whoever waits for a translation sees it
  // While one types, only the sentence that changes is translated again.
  const models = new Models({ pivotLanguage: null, cacheSize: 1 << 14 });
  models.onerror = fail; // not among the options, which are copied into the worker
  const translator = new LatencyOptimisedTranslator({}, models);
  translator.worker.catch(fail);

  // The translation of sentences, one a line; null if another text was given before this one's turn came.
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
  try {
    const response = await fetch(name, { integrity: `sha256-${btoa(bytes)}` });
    return await response.arrayBuffer();
  } catch (error) {
    throw new Error(`${name} cannot be loaded, or is not the file that was exported`, { cause: error });
  }
}
