import assert from 'node:assert/strict'
import { doctor } from '../src/commands/doctor.ts'
import { configOf } from '../src/config/config.ts'
import { type Env, readEnvironment } from '../src/config/env.ts'
import type { Finding } from '../src/doctor/finding.ts'

/** What the doctor finds with these variables. */
export interface Diagnosis {
  readonly findings: readonly Finding[]
  /** Passes when one finding is like this. @returns it */
  has(level: Finding['level'], about: string, text: RegExp): Finding
  /** What is not well, as `level about`. */
  readonly ills: readonly string[]
}

/** Asks the doctor, in this process: it looks from outside in any case. */
export async function diagnose(env: Env): Promise<Diagnosis> {
  let answer = ''
  const code = await doctor.run(
    {
      config: () => configOf(readEnvironment(env), {}, false),
      print: (text) => {
        answer += text
      },
      complain: assert.fail,
      stopping: assert.fail,
    },
    { args: {}, switches: new Set(['json']), values: {} },
  )
  const { findings, ok } = JSON.parse(answer) as { findings: Finding[]; ok: boolean }
  const fails = findings.some(({ level }) => level === 'fail')
  assert.deepEqual([ok, code], [!fails, fails ? 1 : 0])
  assert.ok(!findings.some(({ about }) => about === 'Doctor'), answer)
  return {
    findings,
    has(level, about, text) {
      const found = findings.find((one) => one.level === level && one.about === about && text.test(one.text))
      assert.ok(found, `no ${level} about '${about}' like ${text} in ${JSON.stringify(findings, null, 1)}`)
      return found
    },
    ills: findings.filter(({ level }) => level !== 'ok').map(({ about, level }) => `${level} ${about}`),
  }
}
