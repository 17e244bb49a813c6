/*
 * Who may start. A process runs so many jobs at a time; each lane has slots that nobody else gets, and a share of all
 * that it never exceeds. So a flood in one lane delays no other.
 */

/** What a lane may use of a worker. */
export interface LaneSlots {
  /** Slots that are kept free for it. */
  readonly reserved: number
  /** The largest part of all slots that it may use, above 0 and at most 1. */
  readonly share: number
}

/** Slots of one worker. */
export class Slots {
  readonly #lanes: ReadonlyMap<string, LaneSlots>
  readonly #taken = new Map<string, number>()
  #total: number
  #running = 0

  constructor(total: number, lanes: ReadonlyMap<string, LaneSlots>) {
    this.#total = total
    this.#lanes = lanes
    for (const lane of lanes.keys()) this.#taken.set(lane, 0)
  }

  get total(): number {
    return this.#total
  }

  get running(): number {
    return this.#running
  }

  /** How many slots there are from now on. Jobs that run beyond that go on. */
  resize(total: number): void {
    this.#total = total
  }

  /** How many more jobs of the lane may start now. */
  free(lane: string): number {
    const own = this.#lanes.get(lane)
    if (!own) return 0
    let others = 0
    for (const [other, { reserved }] of this.#lanes) {
      if (other !== lane) others += Math.max(0, reserved - this.#of(other))
    }
    const ofShare = Math.max(1, Math.floor(this.#total * own.share)) - this.#of(lane)
    return Math.max(0, Math.min(ofShare, this.#total - this.#running - others))
  }

  take(lane: string): void {
    this.#taken.set(lane, this.#of(lane) + 1)
    this.#running++
  }

  give(lane: string): void {
    this.#taken.set(lane, this.#of(lane) - 1)
    this.#running--
  }

  #of(lane: string): number {
    return this.#taken.get(lane) ?? 0
  }
}
