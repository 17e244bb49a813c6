import { type Node, scanSync } from 'libpg-query'
import type { Review } from './review.ts'

const SYSTEM_SCHEMAS = new Set(['pg_catalog', 'information_schema'])

/** Names that are lists of parts in the tree, schema first. */
const NAME_LISTS = new Set([
  'funcname',
  'names',
  'typeName',
  'domainname',
  'defnames',
  'objname',
  'opclass',
  'collname',
])

/** Reports every name with a schema: the runner decides by the search path where a migration runs. */
export function checkNames(review: Review, kind: string, node: unknown): void {
  if (kind === 'CreateSchemaStmt') return
  const schemas = new Set<string>()
  collect(node, schemas)
  if (kind === 'DropStmt' || kind === 'CommentStmt')
    for (const name of objectSchemas(node as ObjectNames)) schemas.add(name)
  for (const schema of schemas) {
    if (SYSTEM_SCHEMAS.has(schema)) continue
    review.problem(
      'schema-name',
      `names the schema ${schema}: the same migration runs in many schemas, by the search path`,
    )
  }
}

function collect(node: unknown, schemas: Set<string>): void {
  if (Array.isArray(node)) {
    for (const child of node) collect(child, schemas)
  } else if (typeof node === 'object' && node !== null) {
    for (const [key, value] of Object.entries(node)) {
      if ((key === 'schemaname' || key === 'catalogname') && typeof value === 'string') schemas.add(value)
      else if (NAME_LISTS.has(key) && Array.isArray(value) && value.length > 1) addFirst(value, schemas)
      else if (key === 'options') collectBodies(value, schemas)
      collect(value, schemas)
    }
  }
}

function addFirst(names: readonly Node[], schemas: Set<string>): void {
  const [first] = names
  if (first && 'String' in first && first.String.sval) schemas.add(first.String.sval)
}

/** The body of a function is a string to the parser: `name .` in its tokens is a schema when it is one of ours. */
function collectBodies(options: unknown, schemas: Set<string>): void {
  if (!Array.isArray(options)) return
  for (const option of options as { DefElem?: { defname?: string; arg?: { List?: { items?: Node[] } } } }[]) {
    if (option.DefElem?.defname !== 'as') continue
    for (const item of option.DefElem.arg?.List?.items ?? []) {
      if (!('String' in item)) continue
      const { tokens } = scanSync(item.String.sval ?? '')
      for (const [index, token] of tokens.entries()) {
        const word = token.text.replaceAll('"', '')
        if (tokens[index + 1]?.text === '.' && /^(stoa(_pool|_t_.*)?|public)$/.test(word)) schemas.add(word)
      }
    }
  }
}

interface ObjectNames {
  readonly removeType?: string
  readonly objtype?: string
  readonly objects?: readonly Node[]
  readonly object?: Node
}

/** How many parts the name of an object has when it has no schema: a policy is named after its table. */
const PARTS: Record<string, number> = {
  OBJECT_POLICY: 2,
  OBJECT_TRIGGER: 2,
  OBJECT_RULE: 2,
  OBJECT_COLUMN: 2,
  OBJECT_TABCONSTRAINT: 2,
}

function objectSchemas({ removeType, objtype, objects, object }: ObjectNames): string[] {
  const parts = PARTS[removeType ?? objtype ?? ''] ?? 1
  return [...(objects ?? []), ...(object ? [object] : [])].flatMap((node) => {
    const items = 'List' in node ? (node.List.items ?? []) : []
    const [first] = items
    return items.length > parts && first && 'String' in first && first.String.sval ? [first.String.sval] : []
  })
}
