import { isUniqueViolation, statement, type Tx } from '@stoa/db'

/** A row of `link_folders`. */
export interface FolderRow {
  readonly id: string
  readonly name: string
  /** What its name is compared by. */
  readonly folded: string
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly createdBy: string
}

const columns = 'id, name, folded, version, created_at, updated_at, created_by'

/** Keeps others of the tenant from adding folders until the transaction ends. @returns how many it has */
export async function countFolders(tx: Tx, tenantId: string): Promise<number> {
  tx.later(additionLock(tenantId))
  return (await tx.one(foldersCounted(tenantId))).count
}
const additionLock = statement<[string], never>(
  "select pg_advisory_xact_lock(hashtextextended('link_folders ' || $1::text, 0))",
)
const foldersCounted = statement<[string], { count: number }>(
  'select count(*) as count from link_folders where tenant_id = $1',
)

/** Adds a folder. @returns false when there is one of this name */
export async function addFolder(tx: Tx, tenantId: string, row: FolderRow): Promise<boolean> {
  const { createdAt, createdBy, folded, id, name } = row
  return (await tx.run(folderAddition(tenantId, id, name, folded, createdAt, createdBy))) === 1
}
const folderAddition = statement<[string, string, string, string, Date, string], never>(`
insert into link_folders (tenant_id, id, name, folded, version, created_at, updated_at, created_by)
values ($1, $2, $3, $4, 1, $5, $5, $6)
on conflict (tenant_id, folded) do nothing`)

/** The folder, or undefined. */
export function folderRow(tx: Tx, tenantId: string, id: string): Promise<FolderRow | undefined> {
  return tx.maybe(folderById(tenantId, id))
}
const folderById = statement<[string, string], FolderRow>(
  `select ${columns} from link_folders where tenant_id = $1 and id = $2`,
)

/** Whether there is the folder; it is kept from being removed until the transaction ends. */
export async function usesFolder(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  return (await tx.maybe(usedFolder(tenantId, id))) !== undefined
}
const usedFolder = statement<[string, string], { id: string }>(
  'select id from link_folders where tenant_id = $1 and id = $2 for key share',
)

/** The folder, kept from being changed or used until the transaction ends. */
export function lockedFolderRow(tx: Tx, tenantId: string, id: string): Promise<FolderRow | undefined> {
  return tx.maybe(lockedFolderById(tenantId, id))
}
const lockedFolderById = statement<[string, string], FolderRow>(
  `select ${columns} from link_folders where tenant_id = $1 and id = $2 for update`,
)

/** A page of folders, by name. @param after the name as it is compared, of the last one before; empty for the first page */
export function folderRows(tx: Tx, tenantId: string, after: string, limit: number): Promise<FolderRow[]> {
  return tx.many(folderPage(tenantId, after, limit))
}
const folderPage = statement<[string, string, number], FolderRow>(
  `select ${columns} from link_folders where tenant_id = $1 and folded > $2 order by folded limit $3`,
)

/** Writes what may change of a folder. @returns false when there is another one of this name */
export async function saveFolder(tx: Tx, tenantId: string, row: FolderRow): Promise<boolean> {
  const { folded, id, name, updatedAt, version } = row
  try {
    await tx.run(folderSaving(tenantId, id, name, folded, version, updatedAt))
    return true
  } catch (error) {
    if (isUniqueViolation(error, 'link_folders_tenant_id_folded_key')) return false
    throw error
  }
}
const folderSaving = statement<[string, string, string, string, number, Date], never>(`
update link_folders set name = $3, folded = $4, version = $5, updated_at = $6 where tenant_id = $1 and id = $2`)

/** Whether links are in the folder. */
export async function holdsLinks(tx: Tx, tenantId: string, id: string): Promise<boolean> {
  return (await tx.one(linksThere(tenantId, id))).there
}
const linksThere = statement<[string, string], { there: boolean }>(
  'select exists (select 1 from links where tenant_id = $1 and folder_id = $2) as there',
)

/** Removes a folder. */
export async function removeFolderRow(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx.run(folderRemoval(tenantId, id))
}
const folderRemoval = statement<[string, string], never>('delete from link_folders where tenant_id = $1 and id = $2')
