// The reporter inside a process of tests: a message to test-process.ts for each event.

import { Transform } from 'node:stream'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/** What is told of a test. `failure` is the error in full; null for a suite that only failed because a test in it did. */
export type Message =
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
  /** An error that nobody caught: the process ends. */
  | { readonly at: 'stray'; readonly failure: string }

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

/** A custom reporter as `--test-reporter` wants it. It sends, and writes nothing. */
export default new Transform({
  writableObjectMode: true,
  transform({ type, data }: TestEvent, _encoding, done) {
    const message = messageOf(type, data as unknown as EventData)
    if (message !== null) process.send?.(message)
    done()
  },
})

function messageOf(type: string, data: EventData): Message | null {
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
