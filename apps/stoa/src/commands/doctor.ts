import { StoaError } from '@stoa/kernel'
import type { Command } from '../command-line.ts'
import type { Config } from '../config/config.ts'
import { databaseFindings } from '../doctor/database.ts'
import { type Finding, findings, reasonOf } from '../doctor/finding.ts'
import { folderFindings, nodeFindings, secretFindings } from '../doctor/machine.ts'
import { mailFindings } from '../doctor/mail.ts'
import { outsideFindings, portFindings, redisFindings } from '../doctor/network.ts'
import { asSentence } from '../failure.ts'
import type { Program } from '../program.ts'

/** `stoa doctor` */
export const doctor: Command = {
  name: 'doctor',
  summary: 'Look an installation over, and say in words what is wrong and what to do.',
  options: { json: { type: 'boolean', doc: 'One JSON object: {"ok":…,"findings":[…]}.' } },
  details: 'Changes nothing. Exit code 1 when something fails.',
  async run(program, { switches }) {
    const found = await examine(program)
    const ok = found.every((finding) => finding.level !== 'fail')
    program.print(switches.has('json') ? JSON.stringify({ ok, findings: found }) : inWords(found))
    return ok ? 0 : 1
  },
}

async function examine(program: Program): Promise<Finding[]> {
  const machine = nodeFindings()
  const about = findings('Settings')
  let config: Config
  try {
    config = program.config()
  } catch (error) {
    if (!(error instanceof StoaError)) throw error
    const flaws = error.fields?.map((field) => field.message) ?? [error.message]
    return [
      ...machine,
      ...flaws.map((flaw) => about.fail(asSentence(flaw), 'docs/configuration.md lists the variables.')),
    ]
  }
  const checks: (() => Finding[] | Promise<Finding[]>)[] = [
    () => folderFindings(config),
    () => secretFindings(config),
    () => databaseFindings(config),
    () => redisFindings(config),
    () => mailFindings(config),
    () => portFindings(config),
    () => outsideFindings(config),
  ]
  const found = [...machine, about.ok('Every variable is understood.')]
  for (const check of checks) {
    try {
      found.push(...(await check()))
    } catch (error) {
      found.push(findings('Doctor').fail(asSentence(`A check broke: ${reasonOf(error)}`), 'Please report this.'))
    }
  }
  return found
}

function inWords(found: readonly Finding[]): string {
  const width = Math.max(...found.map(({ about }) => about.length))
  const lines = found.flatMap(({ about, advice, level, text }) => [
    `${level.padEnd(4)}  ${about.padEnd(width)}  ${text}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 8)}→ ${advice}`]),
  ])
  const count = (level: Finding['level']) => found.filter((finding) => finding.level === level).length
  return [...lines, '', `${count('ok')} ok, ${count('warn')} to know, ${count('fail')} to mend`].join('\n')
}
