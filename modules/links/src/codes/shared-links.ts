/**
 * Links that processes have looked up for each other, in Redis: between the memory of a process and the database.
 *
 *   known     the link, if another process has looked it up and nobody has changed it since
 *   looked    this process has looked it up
 *   changed   it has come to this version
 *
 * What is asked for in one turn is one round trip, and so is what was looked up in one turn; nobody waits for the latter.
 * A link with a password is looked up by each process: its hash does not leave the database.
 */
import type { SharedEntry } from '@stoa/cache'
import type { Columns } from '@stoa/module'
import { Gathering } from '../clicks/gathering.ts'
import type { FoundLink } from '../link-store.ts'
import { keyOf } from '../targets/destinations.ts'

/** Of the text: another one does not read what the one before has stored. */
const FORMAT = 2
const AT_ONCE = 8
const TOGETHER = 500

/** A link, and when the database was asked for it, in milliseconds since the epoch. */
export interface LookedUp {
  readonly link: FoundLink
  readonly at: number
}

type Entries = NonNullable<Columns['shared']>

/** Links that processes have looked up for each other. */
export class SharedLinks {
  readonly #entries: Entries
  readonly #asked: Gathering<string>
  #looked: SharedEntry[] = []
  #found = 0

  constructor(entries: Entries) {
    this.#entries = entries
    this.#asked = new Gathering({ ask: this.#ask, most: TOGETHER, atOnce: AT_ONCE })
  }

  /** How many links were found here, and how many questions that took. */
  get counts(): { readonly found: number; readonly questions: number } {
    return { found: this.#found, questions: this.#asked.questions }
  }

  /** Null when nobody has looked it up, or Redis does not answer in time. */
  async known(space: string, code: string): Promise<LookedUp | null> {
    const text = await this.#asked.get(nameOf(space, code))
    const known = text === null ? null : parsed(text)
    if (known !== null) this.#found++
    return known
  }

  looked(space: string, link: FoundLink, at: number): void {
    if (link.password !== null) return
    const text = JSON.stringify({ link, at })
    if (this.#looked.length === 0) setImmediate(() => this.#tell())
    this.#looked.push({ key: nameOf(space, link.code), version: link.version, text })
  }

  changed(space: string, code: string, version: number): void {
    // What has just been made was never looked up before.
    if (version > 1) this.#entries.outdate(nameOf(space, code), version)
  }

  #tell(): void {
    const looked = this.#looked
    this.#looked = []
    for (let first = 0; first < looked.length; first += TOGETHER) {
      this.#entries.store(looked.slice(first, first + TOGETHER))
    }
  }

  readonly #ask = async (keys: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const texts = await this.#entries.read(keys)
    const found = new Map<string, string>()
    for (const [index, text] of texts.entries()) if (text !== null) found.set(keys[index] ?? '', text)
    return found
  }
}

function nameOf(space: string, code: string): string {
  return `links${FORMAT}:${keyOf(space, code)}`
}

/** What other processes of the same program wrote; anything else counts as not there. */
function parsed(text: string): LookedUp | null {
  try {
    const { at, link } = JSON.parse(text) as { at: number; link: FoundLink }
    const [archivedAt, expiresAt, startsAt] = [link.archivedAt, link.expiresAt, link.startsAt].map(timeOf)
    if (typeof link.linkId !== 'string' || typeof link.target !== 'string' || typeof at !== 'number') return null
    return { at, link: { ...link, archivedAt, expiresAt, startsAt } as FoundLink }
  } catch {
    return null
  }
}

function timeOf(value: Date | string | null): Date | null {
  return value === null ? null : new Date(value)
}
