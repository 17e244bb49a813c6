import { createMemoryStore, type Layer, type LayersDecision, type Store } from '@stoa/limiter'

/** A store of one's own behind a wire: it answers later, can be slow or gone, and counts what it is asked. */
export class RemoteStore implements Store {
  /** What a call does before it is carried out. */
  wire: () => Promise<void> = async () => undefined
  readonly asked: Layer[][] = []
  readonly settled: Layer[][] = []
  readonly #memory

  constructor(clock: () => number) {
    this.#memory = createMemoryStore({ clock })
  }

  async take(layers: readonly Layer[]): Promise<LayersDecision> {
    this.asked.push([...layers])
    await this.wire()
    return this.#memory.take(layers)
  }

  async settle(layers: readonly Layer[]): Promise<LayersDecision> {
    this.settled.push([...layers])
    await this.wire()
    return this.#memory.settle(layers)
  }
}
