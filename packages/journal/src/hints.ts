/*
 * A hint says "look now". It may be lost, doubled or late; whoever gets one looks at the truth, and looks from time to
 * time without one. So a hint is the cheapest thing that usually arrives: a function call inside the process, one small
 * message per ten milliseconds between processes.
 *
 *   publish ──► subscribers of this process, at once
 *          └──► a set of topics ──(at most once per intervalMs)──► transport ──► other processes' subscribers
 *
 * A transport that is down costs latency and a log line. After it was down its subscribers are told to look, as if
 * every topic had been hinted.
 */
import { randomBytes } from 'node:crypto'
import { type Clock, type Logger, OutageLog } from '@stoa/kernel'

/** Says "look now" about a topic, and calls those who want to look. */
export interface Hints extends AsyncDisposable {
  /** Never throws, never waits. `topic`: letters, digits and `._:-`, at most 100. */
  publish(topic: string): void
  /**
   * Calls `fn` on each hint of the topic until disposed. `fn` must be quick and must not throw: it should wake somebody
   * up.
   */
  subscribe(topic: string, fn: () => void): Disposable
}

/** Carries messages between processes, as well as it can. */
export interface HintTransport {
  /** @throws when the message could not be handed over */
  send(message: string): Promise<void>
  /** Calls `onMessage` for every message, its own included, and `onGap` when some may have been lost. */
  receive(onMessage: (message: string) => void, onGap: () => void): Promise<AsyncDisposable>
  [Symbol.asyncDispose](): Promise<void>
}

/** Options of {@link relayedHints}. */
export interface RelayOptions {
  /**
   * At most one message in this time, in milliseconds, ≥ 0. Longer saves messages and delays other processes. Default
   * 10.
   */
  readonly intervalMs?: number
}

const TOPIC = /^[A-Za-z0-9._:-]{1,100}$/

/** Hints inside one process: all that PGlite needs. */
export function processHints(): Hints {
  const topics = new Map<string, Set<() => void>>()
  return {
    publish(topic) {
      for (const fn of topics.get(checked(topic)) ?? []) fn()
    },
    subscribe(topic, fn) {
      // Each subscription is a function of its own, so that one given twice is called twice and ended once.
      const own = () => fn()
      const subscribers = topics.get(checked(topic)) ?? new Set()
      topics.set(topic, subscribers.add(own))
      return {
        [Symbol.dispose]() {
          subscribers.delete(own)
        },
      }
    },
    async [Symbol.asyncDispose]() {
      topics.clear()
    },
  }
}

function checked(topic: string): string {
  if (!TOPIC.test(topic)) throw new TypeError(`'${topic}' is not a topic`)
  return topic
}

/**
 * Hints between processes over a transport; {@link processHints} inside each. The transport is closed with it.
 *
 * @throws what the transport throws when it cannot receive at all
 */
export async function relayedHints(
  transport: HintTransport,
  deps: { readonly log: Logger; readonly clock: Clock },
  options: RelayOptions = {},
): Promise<Hints> {
  const relay = new Relay(transport, deps, options.intervalMs ?? 10)
  await relay.open()
  return relay
}

class Relay implements Hints {
  readonly #local = processHints()
  readonly #topics = new Set<string>()
  readonly #pending = new Set<string>()
  readonly #origin = randomBytes(9).toString('base64url')
  readonly #closing = new AbortController()
  readonly #transport: HintTransport
  readonly #deps: { readonly log: Logger; readonly clock: Clock }
  readonly #intervalMs: number
  #wake: (() => void) | null = null
  #receiving: AsyncDisposable | null = null
  #sending: Promise<void> = Promise.resolve()

  constructor(transport: HintTransport, deps: { readonly log: Logger; readonly clock: Clock }, intervalMs: number) {
    this.#transport = transport
    this.#deps = deps
    this.#intervalMs = intervalMs
  }

  async open(): Promise<void> {
    this.#receiving = await this.#transport.receive(
      (message) => this.#received(message),
      () => this.#lookEverywhere(),
    )
    // The sender runs here, in the context of whoever opened it: a publisher's transaction is not around when it uses
    // the database.
    this.#sending = this.#send()
  }

  publish(topic: string): void {
    this.#local.publish(topic)
    this.#pending.add(topic)
    this.#wake?.()
  }

  subscribe(topic: string, fn: () => void): Disposable {
    this.#topics.add(topic)
    return this.#local.subscribe(topic, fn)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#wake?.()
    await this.#sending
    await this.#receiving?.[Symbol.asyncDispose]()
    await this.#transport[Symbol.asyncDispose]()
    await this.#local[Symbol.asyncDispose]()
  }

  async #send(): Promise<void> {
    const outages = new OutageLog(
      {
        away: 'a hint could not be sent: other processes will find out by polling',
        still: 'hints still cannot be sent: other processes find out by polling',
        back: 'hints are sent again',
      },
      this.#deps,
    )
    while (!this.#closing.signal.aborted) {
      if (this.#pending.size === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
        continue
      }
      const message = `${this.#origin} ${[...this.#pending].join(' ')}`
      this.#pending.clear()
      try {
        await this.#transport.send(message)
        outages.worked()
      } catch (err) {
        outages.failed(err)
      }
      await this.#deps.clock.sleep(this.#intervalMs, this.#closing.signal).catch(() => undefined)
    }
  }

  #received(message: string): void {
    const [origin, ...topics] = message.split(' ')
    if (origin === this.#origin) return
    for (const topic of topics) if (this.#topics.has(topic)) this.#local.publish(topic)
  }

  #lookEverywhere(): void {
    for (const topic of this.#topics) this.#local.publish(topic)
  }
}
