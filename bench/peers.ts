/* Peers that no part of the product needs: they are in `peers/`, and installed by the benchmark that measures beside them. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('./peers/', import.meta.url))
const requirePeer = createRequire(`${FOLDER}package.json`)

/** Installs all of them, unless they are. */
export function installPeers({ say }: { say(line: string): void }): void {
  if (existsSync(`${FOLDER}node_modules/bullmq`) && existsSync(`${FOLDER}node_modules/socket.io`)) return
  say('installing the peers')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: FOLDER, stdio: 'inherit' })
}

/** A peer, with what of its exports is used here as its type. */
export function peer<Exports>(name: string): Exports {
  return requirePeer(name) as Exports
}
