import { type Machine, programInPath } from './machine.ts'

/** The engines that tests run against. */
export type Engine = 'postgres' | 'redis'

/** What can be installed. */
export type Installable = Engine | 'chromium' | 'nginx'

const DEBIAN_PACKAGES: Record<Installable, string> = {
  postgres: 'postgresql',
  redis: 'redis-server',
  chromium: 'chromium',
  nginx: 'nginx',
}
const SERVICE_POLICY = '/usr/sbin/policy-rc.d'

/** True where {@link installWithApt} may be tried: apt-get in PATH, and root. */
export function canInstallWithApt(machine: Machine): boolean {
  return machine.platform === 'linux' && machine.isRoot && programInPath(machine, 'apt-get') !== null
}

/**
 * Installs programs by apt-get, without starting any system service.
 * Returns null when it worked, else the last lines of what apt-get said.
 */
export async function installWithApt(
  machine: Machine,
  programs: readonly Installable[],
  say: (line: string) => void,
): Promise<string | null> {
  const packages = programs.map((program) => DEBIAN_PACKAGES[program])
  say(`installing ${packages.join(' and ')} by apt-get (this happens once)`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-q', '-o', 'DPkg::Lock::Timeout=180']
  // Debian asks this file before a package's install script starts a service; 101 means "no".
  const forbidden = machine.writeProgram(SERVICE_POLICY, '#!/bin/sh\nexit 101\n')
  try {
    const update = await machine.run('apt-get', [...wait, 'update'], { env })
    const install = await machine.run('apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...packages], {
      env,
    })
    if (install.code === 0) return null
    return lastLines(`${update.stderr}\n${install.stdout}\n${install.stderr}`, 8)
  } finally {
    if (forbidden) machine.remove(SERVICE_POLICY)
  }
}

function lastLines(text: string, count: number): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
    .join('\n')
}
