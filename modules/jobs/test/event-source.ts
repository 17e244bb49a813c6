import { once } from 'node:events'
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { type AnyJson, inTime } from '@stoa/testkit'

/** A message of a stream. */
interface Message {
  readonly id: string | null
  readonly data: AnyJson
}

/** A stream of a test: what came, and waiting for it. */
export interface TestStream extends AsyncDisposable {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly messages: Message[]
  /** All that came, as text. */
  readonly text: string
  /** Types of the events, without those of progress. */
  types(): string[]
  /** Comes back when it holds. */
  holds(condition: () => boolean): Promise<void>
  /** Everything, when the other side has ended it. */
  readonly closed: Promise<Message[]>
  /** Goes away in the middle. */
  cut(): void
}

/** Asks for a stream, on a connection of its own. */
export async function follow(
  url: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestStream> {
  const request = get(url, { agent: false, headers: { authorization: `Bearer ${token}`, ...headers } })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const messages: Message[] = []
  let changed = Promise.withResolvers<void>()
  let text = ''
  const reading = (async () => {
    let rest = ''
    for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece
      const blocks = (rest + piece).split('\n\n')
      rest = blocks.pop() ?? ''
      messages.push(...blocks.flatMap(messageOf))
      changed.resolve()
      changed = Promise.withResolvers()
    }
    return messages
  })()
  reading.catch(() => undefined)
  const cut = () => void request.destroy()
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    messages,
    get text() {
      return text
    },
    types: () => messages.flatMap(({ data }) => typesOf(data)),
    async holds(condition) {
      while (!condition()) await inTime(changed.promise, `a message; so far: ${text}`)
    },
    closed: reading,
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      await reading.catch(() => undefined)
    },
  }
}

function typesOf(data: Message['data']): string[] {
  if (data.type !== 'event') return [data.type]
  return data.event.type === 'task.progress' ? [] : [data.event.type]
}

function messageOf(block: string): Message[] {
  const fields = block.split('\n').map((line) => /^(\w*): ?(.*)$/.exec(line)?.slice(1) ?? [line, ''])
  const data = fields.filter(([name]) => name === 'data').map(([, value]) => value)
  if (data.length === 0) return []
  const id = fields.findLast(([name]) => name === 'id')?.[1] ?? null
  return [{ id, data: JSON.parse(data.join('\n')) }]
}
