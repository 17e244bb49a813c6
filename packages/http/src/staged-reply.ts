import type { RouteReply } from './route.ts'

/**
 * What a mutating handler says of its answer. Nothing reaches the caller before the commit, and a transaction that is
 * tried again starts with nothing said.
 */
export class StagedReply implements RouteReply {
  status: number
  readonly headers: Record<string, string> = {}

  constructor(status: number) {
    this.status = status
  }

  code(status: number): this {
    this.status = status
    return this
  }

  header(name: string, value: string): this {
    this.headers[name.toLowerCase()] = value
    return this
  }

  type(mediaType: string): this {
    return this.header('content-type', mediaType)
  }
}

/** A finished answer, serialised. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** null: no body. */
  readonly body: string | Buffer | null
  readonly replayed: boolean
}
