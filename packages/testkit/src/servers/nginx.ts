import { mkdirSync, writeFileSync } from 'node:fs'
import type { EngineServer } from './engine.ts'
import { canInstallWithApt, installWithApt } from './install.ts'
import { type Machine, programInPath, thisMachine } from './machine.ts'
import { runServer } from './server-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Where packages put it: often outside of a user's PATH. */
const PLACES = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/opt/homebrew/bin/nginx']
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

/**
 * Starts nginx on a free port of 127.0.0.1; installs it by apt-get when there is none.
 *
 * @param inServer what stands in its `server` block, beside `listen`
 * @param inHttp what stands above that, such as `upstream`. Default: nothing
 * @throws Error that says what to install, when there is none and none can be installed
 */
export async function startNginx(inServer: string, inHttp = ''): Promise<Pick<EngineServer, 'url' | 'log' | 'stop'>> {
  const command = await provideNginx(thisMachine)
  const folder = temporaryFolder('nginx', null)
  const file = `${folder}/nginx.conf`
  for (const name of TEMPORARY) mkdirSync(`${folder}/${name}`)
  const server = await runServer({
    name: 'nginx',
    command,
    args(port) {
      const paths = TEMPORARY.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
      writeFileSync(
        file,
        `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr notice;
${thisMachine.isRoot ? 'user root;' : ''}
events { worker_connections 64; }
http {
access_log off;
${paths}
${inHttp}
server {
listen 127.0.0.1:${port};
${inServer}
}
}
`,
      )
      return ['-p', folder, '-c', file, '-e', 'stderr']
    },
    user: null,
    ready: /start worker process \d+/,
    transient: /^$/,
    stopSignal: 'SIGTERM',
    pidFile: `${folder}/nginx.pid`,
    temporaryFolder: folder,
    port: null,
    startTimeoutMs: 60_000,
  })
  return { url: `http://127.0.0.1:${server.port}`, log: server.log, stop: server.stop }
}

async function provideNginx(machine: Machine): Promise<string> {
  const locate = () => programInPath(machine, 'nginx') ?? PLACES.find((path) => machine.isExecutable(path)) ?? null
  const found = locate()
  if (found !== null) return found
  const failure = canInstallWithApt(machine)
    ? await installWithApt(machine, ['nginx'], () => undefined)
    : 'apt-get is not possible here (it needs Debian or Ubuntu, and root)'
  const installed = locate()
  if (installed !== null) return installed
  throw new Error(
    `The tests of proxies need nginx in PATH: ${failure ?? 'apt-get did not bring it'}. Install it, and start again.`,
  )
}
