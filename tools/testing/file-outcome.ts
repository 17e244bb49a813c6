import { END, FILE } from './marks.ts'
import type { Message } from './reporter.ts'

/** A test that did not pass, or what went wrong with the file as a whole. */
export interface Failure {
  /** `suite › test`, or a sentence on the file. */
  readonly name: string
  readonly place: string
  readonly detail: string
}

/** A test that did not run. */
export interface Skipped {
  readonly name: string
  readonly reason: string
}

/** What a file's messages come to. The suite around them all is the file itself: see test-program.ts. */
export class FileOutcome {
  readonly failures: Failure[] = []
  readonly skipped: Skipped[] = []
  passed = 0
  /** Whether every test of the file has ended. */
  ended = false
  readonly #file: string
  readonly #names = new Map<number, { readonly name: string; readonly parent: number }>()
  readonly #open = new Set<number>()
  readonly #roots = new Set<number>()

  constructor(file: string) {
    this.#file = file
  }

  add(message: Message): void {
    if (message.at === 'known') {
      if (message.parent === 0) this.#addRoot(message)
      this.#names.set(message.id, message)
    } else if (message.at === 'stray') this.#fail('an error that nobody caught', message.failure)
    else if (message.at === 'begun') this.#open.add(message.id)
    else if (this.#names.get(message.id)?.name === END) this.ended = true
    else {
      this.#open.delete(message.id)
      this.#count(message)
    }
  }

  /** Names of the tests that have begun and not ended. */
  inProgress(): readonly string[] {
    const open = [...this.#open].filter((id) => !this.#roots.has(id))
    return open
      .filter((id) => !open.some((other) => this.#names.get(other)?.parent === id))
      .map((id) => this.#fullName(id))
  }

  #addRoot({ id, name }: Message & { readonly at: 'known' }): void {
    this.#roots.add(id)
    if (name === FILE || name === END) return
    this.#fail(name, 'it was declared too late to be known as one of the file: describe takes no async function')
  }

  #fail(name: string, detail: string): void {
    this.failures.push({ name, place: this.#file, detail })
  }

  #count({ id, suite, passed, skipped, place, failure }: Message & { readonly at: 'ended' }): void {
    if (skipped !== null) {
      if (!suite) this.skipped.push({ name: this.#fullName(id), reason: skipped })
    } else if (!passed && failure !== null) {
      this.failures.push({ name: this.#fullName(id) || this.#file, place, detail: failure })
    } else if (passed && !suite) this.passed++
  }

  #fullName(id: number): string {
    const known = this.#names.get(id)
    if (known === undefined || this.#roots.has(id)) return ''
    const parent = this.#fullName(known.parent)
    return parent === '' ? known.name : `${parent} › ${known.name}`
  }
}
