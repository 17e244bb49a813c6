import { DropLog } from './drop-log.ts'
import { memoryTag } from './keys.ts'
import { MemoryLevel, type MemoryValue } from './memory-level.ts'

/** Dropped tags that are remembered for what is under way, about 150 bytes each. */
const REMEMBERED_DROPS = 20_000
/** Carried by everything of a tenant. */
const WHOLE_TENANT = ''

/** The memory of this process together with what was dropped in it: what began before a drop is not kept after it. */
export class LocalStore {
  readonly memory: MemoryLevel
  readonly log = new DropLog(REMEMBERED_DROPS)

  constructor(maxBytes: number) {
    this.memory = new MemoryLevel(maxBytes)
  }

  /** Names to ask the log for: of the tags, or, while they are not known, of whatever is dropped in the tenant. */
  watched(tenantId: string, tags: readonly string[] | null): readonly string[] {
    if (tags === null) return [anythingOf(tenantId)]
    return [WHOLE_TENANT, ...tags].map((tag) => memoryTag(tenantId, tag))
  }

  /** Drops what carries any of the tags. */
  drop(tenantId: string, tags: readonly string[]): void {
    for (const tag of tags) {
      const name = memoryTag(tenantId, tag)
      this.log.note(name)
      this.memory.drop(name)
    }
    this.log.note(anythingOf(tenantId))
  }

  /** Drops everything of the tenant. */
  clear(tenantId: string): void {
    this.drop(tenantId, [WHOLE_TENANT])
  }

  /** Drops everything of all tenants. */
  clearAll(): void {
    this.log.noteAll()
    this.memory.clear()
  }

  /** Whether any of the tags was, or may have been, dropped since the moment. */
  droppedSince(tenantId: string, tags: readonly string[], moment: number): boolean {
    return this.watched(tenantId, tags).some((name) => this.log.droppedSince(name, moment))
  }

  /**
   * Keeps a value that began to come at `begun`.
   *
   * @returns false when something that it depends on was dropped since
   */
  keep(
    tenantId: string,
    id: string,
    tags: readonly string[],
    bytes: number,
    kept: MemoryValue,
    begun: number,
  ): boolean {
    if (this.droppedSince(tenantId, tags, begun)) return false
    this.memory.put(id, this.watched(tenantId, tags), bytes, kept)
    return true
  }
}

/** Noted at every drop of the tenant. It is no name of a tag: those begin with a digit. */
function anythingOf(tenantId: string): string {
  return `any:${tenantId}`
}
