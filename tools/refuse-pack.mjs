// `npm pack` and `npm publish` inside of a workspace: its sources are TypeScript, which Node refuses below node_modules, so
// the file would be of no use to anybody. Plain JavaScript, because any Node may be asked.

const { npm_package_name: name = '', npm_package_json: manifest = '' } = process.env
// Anchored at the end: the repository itself may lie below a folder of that name.
const isPackage = /[\\/]packages[\\/][^\\/]+[\\/]package\.json$/.test(manifest)
const instead = () => {
  if (name === '@stoa/testkit') return 'It stays here: while it runs it reads the sources of this repository.'
  if (isPackage) return `In the folder of the repository: npm run pack -- ${name.replace('@stoa/', '')}`
  return 'It is a room of the program, and comes with it. Packages are packed by: npm run pack -- <package>'
}
console.error(`${name} is not packed as it is: Node runs no TypeScript below node_modules. ${instead()}`)
process.exitCode = 1
