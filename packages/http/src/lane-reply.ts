/*
 * How an answer of a lane leaves: by Node's response, or as a text on the wire that says the same, byte for byte. Of an
 * answer on the wire all but one header field and the date was written when the lane was opened.
 */
import { type ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { Socket } from 'node:net'

/** Takes the one answer. */
export interface LaneReply {
  /**
   * Says it, without a body. @param value of the lane's own header field. @throws TypeError when no header can say it;
   * nothing has been said then
   */
  send(status: number, value: string): void
}

/** What all answers of a lane have in common. */
export class AnswerForm {
  /** Names and values in turn; at the end the name of the lane's own field. */
  readonly headers: readonly string[]
  readonly field: string
  readonly #fields: string
  readonly #heads = new Map<number, string>()

  /** @throws TypeError for what can be in no header */
  constructor(headers: readonly (readonly [name: string, value: string])[], field: string) {
    for (const [name, value] of headers) {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    }
    validateHeaderName(field)
    this.headers = [...headers.flat(), field]
    this.field = field
    this.#fields = `${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${field}: `
  }

  /** Up to the value of the lane's own field. */
  headOf(status: number): string {
    let head = this.#heads.get(status)
    if (head === undefined) {
      head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${this.#fields}`
      this.#heads.set(status, head)
    }
    return head
  }
}

/** By Node's response. */
export class NodeReply implements LaneReply {
  status = 0
  readonly #response: ServerResponse
  readonly #form: AnswerForm

  constructor(response: ServerResponse, form: AnswerForm) {
    this.#response = response
    this.#form = form
  }

  send(status: number, value: string): void {
    this.#response.writeHead(status, [...this.#form.headers, value])
    this.#response.end()
    this.status = status
  }
}

/** On the wire. */
export class WireReply implements LaneReply {
  /** 0: nothing has been said. */
  status = 0
  readonly #socket: Socket
  readonly #form: AnswerForm
  readonly #ending: AnswerEnding

  constructor(socket: Socket, form: AnswerForm, ending: AnswerEnding) {
    this.#socket = socket
    this.#form = form
    this.#ending = ending
  }

  send(status: number, value: string): void {
    const form = this.#form
    validateHeaderValue(form.field, value)
    this.#socket.write(`${form.headOf(status)}${value}${this.#ending.text}`, 'latin1')
    this.status = status
  }
}

/** What answers on the wire end with: the date, and that the connection goes on. */
export class AnswerEnding {
  readonly #goesOn: string
  #text: string | null = null

  constructor(keepAliveTimeoutMs: number) {
    const seconds = Math.floor(keepAliveTimeoutMs / 1_000)
    this.#goesOn = `Connection: keep-alive\r\nKeep-Alive: timeout=${seconds}\r\n\r\n`
  }

  /** Made once in a second. */
  get text(): string {
    if (this.#text === null) {
      const now = new Date()
      this.#text = `\r\nDate: ${now.toUTCString()}\r\n${this.#goesOn}`
      setTimeout(() => {
        this.#text = null
      }, 1_000 - now.getMilliseconds()).unref()
    }
    return this.#text
  }
}
