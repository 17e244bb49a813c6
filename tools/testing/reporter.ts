// The reporter that runs inside each test file's process: one line of JSON per event, for run-file.ts to read.

import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/**
 * What run-file.ts reads. `failure` is the error in full; null for a suite that only failed because a test in it did.
 */
export type Line =
  | { readonly at: 'known'; readonly id: number; readonly parent: number; readonly name: string }
  | { readonly at: 'begun'; readonly id: number }
  | {
      readonly at: 'ended'
      readonly id: number
      readonly suite: boolean
      readonly passed: boolean
      readonly skipped: string | null
      readonly place: string
      readonly failure: string | null
    }
  | { readonly at: 'finished' }

interface EventData {
  readonly name: string
  readonly testId: number
  readonly parentId: number
  readonly file?: string
  readonly line?: number
  readonly skip?: string | boolean
  readonly todo?: string | boolean
  readonly details: {
    readonly type?: string
    readonly passed: boolean
    readonly error?: Error & { failureType?: string }
  }
}

/** Time without any test in progress after which a process that stays is asked what keeps it open, in ms. */
const LINGER_MS = 5_000

/** A custom reporter as `--test-reporter` wants it. */
export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const open = new Set<number>()
  let timer: NodeJS.Timeout | undefined
  for await (const event of source) {
    const line = lineOf(event.type, event.data as unknown as EventData)
    if (line === null) continue
    if (line.at === 'begun') open.add(line.id)
    if (line.at === 'ended') open.delete(line.id)
    clearTimeout(timer)
    if (open.size === 0 && line.at === 'ended') timer = setTimeout(sayWhatLingers, LINGER_MS).unref()
    yield `${JSON.stringify(line)}\n`
  }
}

function lineOf(type: string, data: EventData): Line | null {
  switch (type) {
    case 'test:enqueue':
      return { at: 'known', id: data.testId, parent: data.parentId, name: data.name }
    case 'test:dequeue':
      return { at: 'begun', id: data.testId }
    case 'test:complete':
      return {
        at: 'ended',
        id: data.testId,
        suite: data.details.type === 'suite',
        passed: data.details.passed,
        skipped: reasonOf(data.skip, 'skipped') ?? reasonOf(data.todo, 'to do'),
        place: `${data.file ?? ''}:${data.line ?? 0}`,
        failure: failureOf(data.details.error),
      }
    case 'test:summary':
      return { at: 'finished' }
    default:
      return null
  }
}

function reasonOf(mark: string | boolean | undefined, plain: string): string | null {
  if (mark === undefined || mark === false) return null
  return mark === true || mark === '' ? plain : mark
}

function failureOf(error: (Error & { failureType?: string }) | undefined): string | null {
  if (error === undefined || error.failureType === 'subtestsFailed') return null
  const cause = error.cause
  if (cause instanceof Error && cause.name === 'AssertionError') return cause.stack ?? cause.message
  const text = typeof cause === 'string' ? cause : inspect(cause ?? error, { depth: 6 })
  return error.failureType === 'hookFailed' ? `${error.message}: ${text}` : text
}

function sayWhatLingers(): void {
  const kinds = process.getActiveResourcesInfo().filter((kind) => !kind.endsWith('Wrap') || kind.startsWith('TCP'))
  process.stderr.write(`every test ended, yet the process stays open because of: ${kinds.join(', ') || 'a handle'}\n`)
}
