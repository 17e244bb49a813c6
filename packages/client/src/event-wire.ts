/*
 * Server-sent events by `fetch`, where there is no WebSocket or something in between lets none through. One answer
 * carries all channels, so a change of the channels is a new answer; it begins at the earliest of their positions, and
 * what one of them has had already is passed over where all events are counted.
 */
import { earlier, type Position } from './position.ts'
import {
  type ChannelEvent,
  type Ending,
  endingOf,
  RealtimeError,
  type Wire,
  type WireListener,
  type WireOptions,
} from './wire.ts'

/** Twice the comments of the server may be missing. */
const SILENCE_MS = 40_000

/** What the server says. */
type Message =
  | { readonly type: 'open'; readonly channels: readonly string[]; readonly position: Position }
  | { readonly type: 'event'; readonly channel: string; readonly event: ChannelEvent }
  | {
      readonly type: 'resync'
      readonly channels: readonly string[]
      readonly position: Position
      readonly reason: string
    }
  | { readonly type: 'close'; readonly code: string }

/** A connection by server-sent events. */
export function openEventWire(options: WireOptions): Wire {
  return new EventWire(options)
}

class EventWire implements Wire {
  readonly #options: WireOptions
  readonly #listener: WireListener
  /** Where each stands, as far as this connection was told. */
  readonly #channels = new Map<string, Position | undefined>()
  #answer = new AbortController()
  #changed = false
  #over = false
  #retryMs: number | null = null

  constructor(options: WireOptions) {
    this.#options = options
    this.#listener = options.listener
    queueMicrotask(() => !this.#over && this.#listener.opened())
  }

  follow(channel: string, position: Position | undefined): void {
    this.#channels.set(channel, position)
    this.#change()
  }

  async say(): Promise<void> {
    throw new RealtimeError('not_supported', 'Messages need a WebSocket.')
  }

  leave(channel: string): void {
    if (this.#channels.delete(channel)) this.#change()
  }

  close(): void {
    this.#over = true
    this.#answer.abort()
  }

  /** Several changes at once are one. */
  #change(): void {
    if (this.#changed) return
    this.#changed = true
    queueMicrotask(() => {
      this.#changed = false
      this.#answer.abort()
      if (this.#over || this.#channels.size === 0) return
      this.#answer = new AbortController()
      this.#read(this.#answer.signal).catch((error: unknown) => this.#end(error))
    })
  }

  async #read(signal: AbortSignal): Promise<void> {
    // An answer that never begins is silence too.
    const quiet = this.#answer
    const listen = () => setTimeout(() => quiet.abort(new Error('silence')), SILENCE_MS)
    let silence = listen()
    try {
      await this.#placeFresh(signal)
      const names = [...this.#channels.keys()]
      const response = await this.#ask(names, signal, { position: earliest([...this.#channels.values()]) })
      if (response.status !== 200 || response.body === null) {
        await this.#refuse(
          await problemOf(response),
          names,
          signal,
          Number(response.headers.get('retry-after')) * 1_000,
        )
        return
      }
      for await (const block of blocksOf(response.body)) {
        clearTimeout(silence)
        silence = listen()
        if (signal.aborted || this.#over) return
        this.#take(block)
      }
    } finally {
      clearTimeout(silence)
    }
    if (!signal.aborted) this.#end(null)
  }

  #take(block: string): void {
    const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/s.exec(line) ?? [])
    const value = (wanted: string) => fields.findLast(([, name]) => name === wanted)?.[2]
    const [id, retry, data] = [value('id'), value('retry'), value('data')]
    if (retry !== undefined) this.#retryMs = Number(retry)
    if (data !== undefined) this.#hear(JSON.parse(data) as Message)
    else if (id !== undefined) {
      for (const name of this.#channels.keys()) this.#channels.set(name, id)
      this.#listener.tick(id)
    }
  }

  #hear(message: Message): void {
    switch (message.type) {
      case 'event':
        this.#channels.set(message.channel, message.event.position)
        this.#listener.events(message.channel, [message.event])
        break
      case 'open':
        for (const name of message.channels) this.#listener.subscribed(name, message.position)
        break
      case 'resync':
        for (const name of message.channels) {
          this.#channels.set(name, message.position)
          this.#listener.resync(name, message.position, message.reason)
        }
        break
      case 'close':
        this.#finish(endingOf(message.code, this.#retryMs))
        break
    }
  }

  /** A channel that begins now must not begin where the others stand. */
  async #placeFresh(signal: AbortSignal): Promise<void> {
    const fresh = [...this.#channels].filter(([, position]) => position === undefined).map(([name]) => name)
    if (fresh.length === 0 || fresh.length === this.#channels.size) return
    const response = await this.#ask(fresh, signal, { follow: 'false' })
    const open = /^id: (\S+)$/m.exec(await response.text())?.[1]
    if (open === undefined || response.status !== 200) return
    for (const name of fresh) {
      this.#channels.set(name, open)
      this.#listener.subscribed(name, open)
    }
  }

  #ask(
    names: readonly string[],
    signal: AbortSignal,
    { follow, position }: { readonly follow?: string; readonly position?: Position | undefined },
  ): Promise<Response> {
    const { token, url } = this.#options
    const query = new URLSearchParams({ channels: names.join(','), ...(follow !== undefined && { follow }) })
    return fetch(`${url}/api/v1/events?${query}`, {
      headers: { authorization: `Bearer ${token}`, ...(position !== undefined && { 'last-event-id': position }) },
      signal,
    })
  }

  /** A refusal does not say which of several channels it is about: each is asked for by itself, and the others go on. */
  async #refuse(error: RealtimeError, names: readonly string[], signal: AbortSignal, retryMs: number): Promise<void> {
    const isFinal = ['channel_unknown', 'forbidden', 'not_found'].includes(error.code)
    if (!isFinal) {
      const refused = error.code === 'unauthenticated' ? error : null
      this.#finish({ retryMs: retryMs > 0 ? retryMs : null, refused })
      return
    }
    let dropped = 0
    for (const name of names) {
      const response = names.length === 1 ? null : await this.#ask([name], signal, { follow: 'false' })
      const refusal = response === null ? error : response.status === 200 ? null : await problemOf(response)
      if (response?.status === 200) await response.body?.cancel()
      if (refusal === null) continue
      dropped += 1
      this.#channels.delete(name)
      this.#listener.refused(name, refusal)
    }
    if (dropped === 0) this.#finish({ retryMs: null, refused: null })
    else if (this.#channels.size > 0) this.#change()
  }

  #end(error: unknown): void {
    if (error instanceof Error && error.name === 'AbortError') return
    this.#finish({ retryMs: this.#retryMs, refused: null })
  }

  #finish(ending: Ending): void {
    if (this.#over) return
    this.close()
    this.#listener.ended(ending)
  }
}

function earliest(positions: readonly (Position | undefined)[]): Position | undefined {
  return positions.reduce((a, b) => (a === undefined ? b : b === undefined ? a : earlier(a, b)), undefined)
}

async function problemOf(response: Response): Promise<RealtimeError> {
  const problem = (await response.json().catch(() => ({}))) as { readonly code?: string; readonly detail?: string }
  return new RealtimeError(problem.code ?? `http_${response.status}`, problem.detail ?? response.statusText)
}

async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const blocks = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/)
      rest = blocks.pop() ?? ''
      yield* blocks
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
