/*
 * One answer that tells what happens to one task: first what has happened, read from the journal by the task's name, and
 * then what comes, from the tail of the process. It begins to gather what comes before it reads what was; so an event is
 * in the one or the other, and one that is in both is known by its position. After the last event of the task it ends.
 */
import type { EventStream } from '@stoa/http'
import { comparePositions, type JournalEvent, type Position } from '@stoa/journal'

/** Beyond so many bytes that the caller has not taken, the answer ends: whoever comes back gets the rest. */
const MAX_BUFFER_BYTES = 262_144
const FINAL: ReadonlySet<string> = new Set(['task.done', 'task.dead', 'task.cancelled'])

/** Whether nothing follows, unless somebody redrives the task. */
export function isFinal(event: JournalEvent | undefined): boolean {
  return event !== undefined && FINAL.has(event.type)
}

/** Whether an event lies behind a position; null: all do. */
export function isBehind({ position }: JournalEvent, place: Position | null): boolean {
  return place === null || comparePositions(position, place) > 0
}

/** Somebody who follows a task. */
export class TaskStream {
  readonly tenantId: string
  readonly #ended: () => void
  #gathered: JournalEvent[] = []
  #answer: EventStream | null = null
  #place: Position | null = null
  #over = false
  #sinceMs = 0

  /** @param ended called once, when it follows no more */
  constructor(tenantId: string, ended: () => void) {
    this.tenantId = tenantId
    this.#ended = ended
  }

  /** Something happened to the task. */
  offer(event: JournalEvent): void {
    if (this.#answer === null) this.#gathered.push(event)
    else this.#tell(event)
  }

  /**
   * Begins to answer.
   *
   * @param past what has happened, and the caller has not seen
   * @param place where the past ends
   * @param follow false: the past is all
   */
  begin(answer: EventStream, opening: string, past: readonly JournalEvent[], place: Position | null, follow: boolean) {
    this.#answer = answer
    this.#sinceMs = performance.now()
    answer.onClose(() => this.stop())
    answer.write(opening)
    for (const event of past) answer.write(blockOf(event))
    this.#place = place
    for (const event of this.#gathered.splice(0)) this.#tell(event)
    if (!follow) this.end()
  }

  /** How long it has been open, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#sinceMs
  }

  /** When the caller's credentials end. */
  get expiresAtMs(): number {
    return this.#answer?.principal?.expiresAtMs ?? Number.POSITIVE_INFINITY
  }

  /** Keeps proxies from closing it. */
  comment(): void {
    if (this.#answer?.closed) this.stop()
    else this.#answer?.write(':\n\n')
  }

  /** Ends the answer. @param last a last chunk */
  end(last?: string): void {
    this.#answer?.end(last)
    this.stop()
  }

  /** It follows no more. */
  stop(): void {
    if (this.#over) return
    this.#over = true
    this.#gathered = []
    this.#ended()
  }

  #tell(event: JournalEvent): void {
    const answer = this.#answer
    if (this.#over || answer === null || !isBehind(event, this.#place)) return
    answer.write(blockOf(event))
    this.#place = event.position
    if (isFinal(event) || answer.bufferedBytes > MAX_BUFFER_BYTES) this.end()
  }
}

/** As in the streams of all channels. */
function blockOf({ at, data, position, subjects, type, version }: JournalEvent): string {
  const event = { position, type, version, subjects, at, data }
  return `data: ${JSON.stringify({ type: 'event', channel: subjects[0], event })}\nid: ${position}\n\n`
}
