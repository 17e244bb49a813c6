import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Command, columns, readCommandLine } from '../src/command-line.ts'
import { Refusal } from '../src/failure.ts'

const run = async () => 0
const COMMANDS: readonly Command[] = [
  { name: 'up', summary: 'Start.', run },
  {
    name: 'migrate',
    summary: 'Migrate.',
    options: { 'dry-run': { type: 'boolean', doc: 'Only look.' } },
    details: 'Safe.',
    run,
  },
  {
    name: 'tenant create',
    summary: 'Create a tenant.',
    args: ['slug'],
    options: {
      name: { type: 'string', value: '<text>', doc: 'For people.' },
      scope: { type: 'string', value: '<scope>', doc: 'Several.', multiple: true, required: true },
    },
    run,
  },
  { name: 'tenant list', summary: 'List.', run },
]

const read = (line: string) => readCommandLine(line.split(' ').filter(Boolean), COMMANDS, '9.9.9')

function input(line: string) {
  const request = read(line)
  assert.ok('command' in request)
  return { name: request.command.name, ...request.input }
}

function help(line: string): string {
  const request = read(line)
  assert.ok('help' in request)
  return request.help
}

function refusal(line: string): string {
  try {
    read(line)
  } catch (error) {
    assert.ok(error instanceof Refusal)
    assert.equal(error.exitCode, 2)
    return error.message
  }
  assert.fail(`accepted: ${line}`)
}

describe('command line', () => {
  it('a command of two words takes its arguments and options in any order', () => {
    const one = input('tenant create acme --scope a --name Acme --scope=b')
    assert.deepEqual(one, input('tenant create --scope a --scope b --name=Acme acme'))
    assert.deepEqual(
      { name: one.name, args: one.args, values: one.values },
      { name: 'tenant create', args: { slug: 'acme' }, values: { scope: ['a', 'b'], name: ['Acme'] } },
    )
  })

  it('a group shows the help of its commands', () => {
    const shown = help('tenant --help')
    assert.match(shown, /stoa tenant create <slug>[\s\S]+stoa tenant list/)
    assert.deepEqual([help('help tenant'), help('tenant -h')], [shown, shown])
  })

  it('a switch is there or not', () => {
    assert.ok(input('migrate --dry-run').switches.has('dry-run'))
    assert.ok(!input('migrate').switches.has('dry-run'))
  })

  it('a misspelt command names the nearest one', () => {
    assert.match(refusal('migrat'), /'migrat' is no command, did you mean 'migrate'\?/)
    assert.match(refusal('tenants list'), /did you mean 'tenant'/)
    assert.match(refusal('tenant crate acme'), /'tenant crate' is no command, did you mean 'create'\?/)
    assert.match(refusal('tenant'), /'tenant' takes one of: create, list/)
    assert.match(refusal('frobnicate'), /'stoa help' lists the commands/)
  })

  it('a misspelt option names the nearest one and shows the usage', () => {
    assert.match(refusal('migrate --dryrun'), /no option --dryrun, did you mean '--dry-run'\? Usage: stoa migrate/)
  })

  it('an option that is a setting elsewhere names the variable', () => {
    assert.match(refusal('up --port 4000'), /no option --port: set the environment variable PORT/)
  })

  it('what is missing, too much, doubled or without its value is named', () => {
    assert.match(refusal('tenant create --scope a'), /<slug> is missing/)
    assert.match(refusal('tenant create acme'), /--scope is missing/)
    assert.match(refusal('tenant create acme beta --scope a'), /'beta' is too much/)
    assert.match(refusal('tenant create acme --scope a --name A --name B'), /--name is given twice/)
    assert.match(refusal('tenant create acme --scope'), /--scope needs a value/)
    assert.match(refusal('tenant create acme --scope --name A'), /--scope needs a value/)
    assert.match(refusal('migrate --dry-run=yes'), /--dry-run takes no value/)
  })

  it('help is there for everything, a command and a group, before anything is checked', () => {
    assert.match(help(''), /stoa tenant create <slug>/)
    assert.match(help('help'), /Settings are environment variables/)
    assert.match(help('help migrate'), /--dry-run {2}Only look\.\n\n {2}Safe\./)
    assert.equal(help('migrate --help'), help('help migrate'))
    assert.match(help('help tenant'), /tenant create[\s\S]*tenant list/)
    assert.match(help('tenant create --help'), /For people/)
    assert.match(refusal('help migrat'), /did you mean 'migrate'/)
  })

  it('what stands in two columns does so however long a name is', () => {
    assert.deepEqual(
      columns([
        ['links:read', 'See.'],
        ['identity:provision', 'Keep.'],
      ]),
      ['  links:read          See.', '  identity:provision  Keep.'],
    )
  })

  it('the version is the version', () => {
    for (const line of ['version', '--version', '-v']) assert.equal(help(line), '9.9.9')
  })
})
