/*
 * The command line: commands of one or two words, options, arguments. Node's own parser splits the words; what is here
 * says what was misspelt and what was probably meant, and writes the help from the same declarations.
 */
import { parseArgs } from 'node:util'
import { didYouMean } from '@stoa/kernel'
import { asSentence, Refusal } from './failure.ts'
import type { Program } from './program.ts'

/** An option of a command. */
interface CommandOption {
  readonly type: 'string' | 'boolean'
  /** It may be given several times. */
  readonly multiple?: true
  readonly required?: true
  /** What stands for the value in the help: `<name>`. */
  readonly value?: string
  readonly doc: string
}

/** What the words of the command line say. */
interface CommandInput {
  /** The required arguments, by name. */
  readonly args: Readonly<Record<string, string>>
  /** True for each switch that is set. */
  readonly switches: ReadonlySet<string>
  /** Values of an option, in order; the last one counts where one is wanted. */
  readonly values: Readonly<Record<string, readonly string[]>>
}

/** A command. */
export interface Command {
  /** One or two words: `migrate`, `tenant create`. */
  readonly name: string
  readonly summary: string
  /** Required arguments in order, such as `slug`. */
  readonly args?: readonly string[]
  readonly options?: Readonly<Record<string, CommandOption>>
  /** More, for its own help. */
  readonly details?: string
  /** @returns the exit code */
  run(program: Program, input: CommandInput): Promise<number>
}

/** What to do: a command with its input, or a help text to print. */
export type Request = { readonly command: Command; readonly input: CommandInput } | { readonly help: string }

/** Options that every command has. */
const COMMON: Readonly<Record<string, CommandOption>> = { help: { type: 'boolean', doc: 'Show this help.' } }

/**
 * Reads the words after the program's name.
 *
 * @throws Refusal with exit code 2 and, where there is one, the nearest right word
 */
export function readCommandLine(words: readonly string[], commands: readonly Command[], version: string): Request {
  const [first = 'help', second] = words
  if (first === '--version' || first === '-v' || first === 'version') return { help: version }
  if (first === '--help' || first === '-h' || first === 'help') return { help: helpFor(words.slice(1), commands) }
  const command = commands.find(({ name }) => name === first || name === `${first} ${second}`)
  if (!command && (second === '--help' || second === '-h')) return { help: helpFor([first], commands) }
  if (!command) throw unknownCommand(first, second, commands)
  const rest = words.slice(command.name.split(' ').length)
  if (rest.includes('--help') || rest.includes('-h')) return { help: helpOf(command) }
  return { command, input: readInput(command, rest) }
}

function unknownCommand(first: string, second: string | undefined, commands: readonly Command[]): Refusal {
  const group = commands.filter(({ name }) => name.startsWith(`${first} `))
  const seeHelp = `'stoa help' lists the commands.`
  if (group.length > 0) {
    const names = group.map(({ name }) => name.slice(first.length + 1))
    const asked =
      second === undefined || second.startsWith('-')
        ? ''
        : asSentence(`'${first} ${second}' is no command${didYouMean(second, names)}`)
    return new Refusal(
      `${asked} '${first}' takes one of: ${names.join(', ')}. 'stoa help ${first}' says more.`.trim(),
      2,
    )
  }
  const names = commands.flatMap(({ name }) => [name, name.split(' ')[0] as string])
  const refused = asSentence(`'${first}' is no command${didYouMean(first, [...names, 'help', 'version'])}`)
  return new Refusal(`${refused} ${seeHelp}`, 2)
}

function readInput(command: Command, words: readonly string[]): CommandInput {
  const options: Readonly<Record<string, CommandOption>> = { ...command.options, ...COMMON }
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given: string[] = []
  const switches = new Set<string>()
  const values: Record<string, string[]> = {}
  for (const token of tokens) {
    if (token.kind === 'positional') given.push(token.value)
    if (token.kind !== 'option') continue
    const option = options[token.name]
    if (!option) throw unknownOption(command, token.rawName, Object.keys(options))
    if (option.type === 'string') values[token.name] = [...(values[token.name] ?? []), givenValue(command, token)]
    else if (token.value === undefined) switches.add(token.name)
    else throw misuse(command, `${token.rawName} takes no value`)
  }
  for (const [name, { required, multiple }] of Object.entries(options)) {
    if (required && !values[name]) throw misuse(command, `--${name} is missing`)
    if (!multiple && (values[name]?.length ?? 0) > 1) throw misuse(command, `--${name} is given twice`)
  }
  return { args: argumentsOf(command, given), switches, values }
}

function givenValue(
  command: Command,
  token: { rawName: string; value: string | undefined; inlineValue?: boolean | undefined },
) {
  const { rawName, value, inlineValue } = token
  if (value === undefined || value === '' || (value.startsWith('-') && !inlineValue)) {
    throw misuse(command, `${rawName} needs a value`)
  }
  return value
}

function argumentsOf(command: Command, given: readonly string[]): Record<string, string> {
  const names = command.args ?? []
  const missing = names[given.length]
  if (missing !== undefined) throw misuse(command, `<${missing}> is missing`)
  const extra = given[names.length]
  if (extra !== undefined) throw misuse(command, `'${extra}' is too much`)
  return Object.fromEntries(names.map((name, index) => [name, given[index] as string]))
}

/** Settings that people look for among the options. */
const SETTINGS: Readonly<Record<string, string>> = {
  port: 'PORT',
  host: 'HOST',
  data: 'STOA_DATA',
  database: 'DATABASE_URL',
}

function unknownOption(command: Command, rawName: string, known: readonly string[]): Refusal {
  const name = rawName.replace(/^-+/, '')
  const setting = SETTINGS[name]
  if (setting) return misuse(command, `there is no option ${rawName}: set the environment variable ${setting}`)
  return misuse(command, `there is no option ${rawName}${didYouMean(name, known).replace(/'(.+)'/, "'--$1'")}`)
}

function misuse(command: Command, what: string): Refusal {
  const end = /[.?!]$/.test(what) ? '' : '.'
  return new Refusal(`${command.name}: ${what}${end} Usage: ${usageOf(command)}`, 2)
}

function usageOf(command: Command): string {
  const args = (command.args ?? []).map((name) => ` <${name}>`).join('')
  const options = Object.entries(command.options ?? {}).map(([name, option]) => {
    const text = `--${name}${option.value ? ` ${option.value}` : ''}${option.multiple ? ' …' : ''}`
    return option.required ? ` ${text}` : ` [${text}]`
  })
  return `stoa ${command.name}${args}${options.join('')}`
}

function helpFor(words: readonly string[], commands: readonly Command[]): string {
  if (words.length === 0) return helpOfAll(commands)
  const name = words.join(' ')
  const command = commands.find((one) => one.name === name)
  if (command) return helpOf(command)
  const group = commands.filter((one) => one.name.startsWith(`${name} `))
  if (group.length > 0) return group.map(helpOf).join('\n\n')
  throw unknownCommand(words[0] as string, words[1], commands)
}

function helpOfAll(commands: readonly Command[]): string {
  const rows = commands.map((command) => [usageOf({ ...command, options: {} }), command.summary] as const)
  return [
    'Stoa: the backend an organisation runs on.',
    '',
    ...columns([...rows, ['stoa help <command>', 'The options of a command.'], ['stoa version', 'The version.']]),
    '',
    'Settings are environment variables; docs/configuration.md lists them.',
  ].join('\n')
}

function helpOf(command: Command): string {
  const options = Object.entries(command.options ?? {}).map(
    ([name, option]) => [`--${name}${option.value ? ` ${option.value}` : ''}`, option.doc] as const,
  )
  const parts = [`${usageOf(command)}\n\n  ${command.summary}`]
  if (options.length > 0) parts.push(columns(options).join('\n'))
  if (command.details) parts.push(command.details.replace(/^/gm, '  ').trimEnd())
  return parts.join('\n\n')
}

/** Two columns, indented by two. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}
