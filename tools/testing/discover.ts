import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The folders whose children have a `test` folder. */
const WORKSPACE_PARENTS = ['packages', 'modules', 'apps']

/**
 * Every test file of the workspace, as sorted paths relative to `root`: `<parent>/<name>/test/**.test.ts` and
 * `tools/test/**.test.ts`, `bench/test/**.test.ts`.
 */
export function testFiles(root: string): readonly string[] {
  const folders = WORKSPACE_PARENTS.flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}/test`) : [],
  )
  return [...folders, 'tools/test', 'bench/test'].flatMap((folder) => testFilesIn(root, folder)).sort()
}

/** Files whose path contains one of the words; all of them when there are none. A leading `./` is not looked at. */
export function matching(files: readonly string[], words: readonly string[]): readonly string[] {
  if (words.length === 0) return files
  const wanted = words.map((word) => word.replace(/^\.\//, ''))
  return files.filter((file) => wanted.some((word) => file.includes(word)))
}

/**
 * Whether a file must not share its process with others: it says so, and why, in a line that begins with
 * `// A process of its own: `.
 */
export function isAlone(root: string, file: string): boolean {
  return /^\/\/ A process of its own: /m.test(readFileSync(join(root, file), 'utf8'))
}

function testFilesIn(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts') && !name.includes('node_modules'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
}
