import { inTime } from '@stoa/testkit'
import { ADA, type Message } from './setup.ts'

/** A message of a stream. */
interface StreamMessage {
  readonly id: string | null
  readonly data: Message
}

/** A stream of a test: what came, and waiting for it. */
export interface TestStream extends AsyncDisposable {
  readonly response: Response
  readonly messages: StreamMessage[]
  /** The last id, of messages and of what is none. */
  readonly lastId: string
  /** All that came, as text. */
  readonly text: string
  numbers(channel?: string): number[]
  count(count: number, channel?: string): Promise<number[]>
  holds(condition: () => boolean): Promise<void>
  /** Everything, when the other side has ended it. */
  readonly closed: Promise<StreamMessage[]>
  /** Goes away in the middle. */
  cut(): void
}

/** Opens a stream. @throws Error with the problem when it is refused */
export async function openStream(
  node: { readonly url: string },
  query: string,
  token = ADA,
  headers: Record<string, string> = {},
): Promise<TestStream> {
  const abort = new AbortController()
  const response = await fetch(`${node.url}/api/v1/events?${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: abort.signal,
  })
  if (response.status !== 200)
    throw Object.assign(new Error('refused'), {
      status: response.status,
      body: await response.json(),
      headers: response.headers,
    })
  const messages: StreamMessage[] = []
  let changed = Promise.withResolvers<void>()
  let lastId = ''
  let text = ''
  const take = (block: string) => {
    const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? [line, ''])
    const id = fields.findLast(([name]) => name === 'id')?.[1] ?? null
    if (id !== null) lastId = id
    const data = fields.filter(([name]) => name === 'data').map(([, value]) => value)
    if (data.length > 0) messages.push({ id, data: JSON.parse(data.join('\n')) })
  }
  const reading = (async () => {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      const piece = decoder.decode(chunk, { stream: true })
      text += piece
      const blocks = (rest + piece).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) take(block)
      changed.resolve()
      changed = Promise.withResolvers()
    }
    return messages
  })()
  reading.catch(() => undefined)
  const numbers = (channel = 'notes') =>
    messages
      .filter(({ data }) => data.type === 'event' && data.channel === channel)
      .map(({ data }) => data.event.data.n)
  const holds = async (condition: () => boolean) => {
    while (!condition()) await inTime(changed.promise, `that ${condition} holds; so far: ${JSON.stringify(messages)}`)
  }
  return {
    response,
    messages,
    get lastId() {
      return lastId
    },
    get text() {
      return text
    },
    numbers,
    async count(count, channel) {
      await holds(() => numbers(channel).length >= count)
      return numbers(channel)
    },
    holds,
    closed: reading,
    cut: () => abort.abort(),
    async [Symbol.asyncDispose]() {
      abort.abort()
      await reading.catch(() => undefined)
    },
  }
}
