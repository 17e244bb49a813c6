// `npm pack` and `npm publish` inside of a workspace: its sources are TypeScript, which Node refuses below node_modules, so
// the file would be of no use to anybody. Plain JavaScript, because any Node may be asked.

const { npm_package_name: name = '', npm_package_json: manifest = '' } = process.env
const isPackage = /[\\/]packages[\\/]/.test(manifest)
const instead = isPackage
  ? `In the folder of the repository: npm run pack -- ${name.replace('@stoa/', '')}`
  : 'It is a room of the program, and comes with it. Packages are packed by: npm run pack -- <package>'
console.error(`${name} is not packed as it is: Node runs no TypeScript below node_modules. ${instead}`)
process.exitCode = 1
