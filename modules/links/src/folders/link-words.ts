/**
 * The words by which a link is found: of its code, title, tags, target and notes. A search finds the links of which each of
 * its words begins a word. Case and accents make no difference; what is neither a letter nor a digit separates words.
 */
import type { LinkRow } from '../link-store.ts'

/** Longest word, in characters; of longer ones the beginning is kept. */
const WORD_MAX = 40
/** Most words of a link; the notes come last. */
const WORDS_MAX = 100
/** Words of a search that count. */
const SEARCHED_MAX = 8

/** The words of a link, each once. */
export function wordsOf({ code, notes, tags, target, title }: Searched): string[] {
  const texts = [code, title ?? '', ...tags, decoded(withoutScheme(target)), notes ?? '']
  const words = new Set<string>()
  for (const text of texts) {
    for (const word of split(text)) {
      words.add(word)
      if (words.size === WORDS_MAX) return [...words]
    }
  }
  return [...words]
}

/** What of a link its words are made of. */
export type Searched = Pick<LinkRow, 'code' | 'notes' | 'tags' | 'target' | 'title'>

/** The words of a search, each once. */
export function searchedWords(text: string): string[] {
  return [...new Set(split(decoded(withoutScheme(text.trim()))))].slice(0, SEARCHED_MAX)
}

function split(text: string): string[] {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
  return plain
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => [...word].slice(0, WORD_MAX).join(''))
}

function withoutScheme(text: string): string {
  return text.replace(/^https?:\/\//i, '')
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
