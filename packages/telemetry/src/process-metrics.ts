import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { Counter, Gauge, Histogram } from './series.ts'

type Add = <M extends Counter | Gauge | Histogram>(metric: M) => M

/**
 * Watches the process under the names that the usual dashboards expect.
 *
 * @returns stops watching
 */
export function watchProcess(add: Add): () => void {
  watchMemory(add)
  watchCpu(add)
  const stopDelay = watchEventLoop(add)
  const stopCollector = watchCollector(add)
  return () => {
    stopDelay()
    stopCollector()
  }
}

function watchMemory(add: Add): void {
  const gauges: [name: string, help: string, read: (usage: NodeJS.MemoryUsage) => number][] = [
    ['process_resident_memory_bytes', 'Resident memory.', (usage) => usage.rss],
    ['nodejs_heap_size_total_bytes', 'Heap of JavaScript, reserved.', (usage) => usage.heapTotal],
    ['nodejs_heap_size_used_bytes', 'Heap of JavaScript, in use.', (usage) => usage.heapUsed],
    ['nodejs_external_memory_bytes', 'Memory of objects outside of the heap.', (usage) => usage.external],
  ]
  for (const [name, help, read] of gauges) {
    add(new Gauge({ name, help, collect: (gauge) => gauge.set(read(process.memoryUsage())) }))
  }
}

function watchCpu(add: Add): void {
  const started = Date.now() / 1000 - process.uptime()
  let seen = 0
  const collect = (counter: Counter) => {
    const { user, system } = process.cpuUsage()
    const now = (user + system) / 1e6
    counter.inc(now - seen)
    seen = now
  }
  add(new Counter({ name: 'process_cpu_seconds_total', help: 'CPU time, of user and system.', collect }))
  add(new Gauge({ name: 'process_start_time_seconds', help: 'When the process started, in Unix time.' })).set(started)
}

const NS = 1e9

/** Delay beyond the resolution of 10 ms, since the scrape before. */
function watchEventLoop(add: Add): () => void {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const gauges: [name: string, help: string, read: (histogram: ReturnType<typeof monitorEventLoopDelay>) => number][] =
    [
      ['nodejs_eventloop_lag_mean_seconds', 'Mean delay of the event loop.', (histogram) => histogram.mean],
      ['nodejs_eventloop_lag_p50_seconds', 'Median delay of the event loop.', (histogram) => histogram.percentile(50)],
      ['nodejs_eventloop_lag_p99_seconds', '99th percentile of the delay.', (histogram) => histogram.percentile(99)],
      ['nodejs_eventloop_lag_max_seconds', 'Longest delay of the event loop.', (histogram) => histogram.max],
    ]
  const last = gauges.length - 1
  for (const [index, [name, help, read]] of gauges.entries()) {
    const collect = (gauge: Gauge) => {
      gauge.set(delay.count === 0 ? 0 : read(delay) / NS)
      // Gauges are collected in the order in which they were added: the last one ends the interval.
      if (index === last) delay.reset()
    }
    add(new Gauge({ name, help, collect }))
  }
  return () => delay.disable()
}

const COLLECTIONS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
}

function watchCollector(add: Add): () => void {
  const pauses = add(
    new Histogram({
      name: 'nodejs_gc_duration_seconds',
      help: 'Pauses of the garbage collector.',
      labels: ['kind'],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    }),
  )
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = (entry as { detail?: { kind?: number } }).detail?.kind ?? 0
      pauses.labels(COLLECTIONS[kind] ?? 'other').observe(entry.duration / 1000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}
