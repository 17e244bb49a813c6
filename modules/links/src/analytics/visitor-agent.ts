/**
 * What a user agent says of itself. It is taken apart when somebody asks, which is when clicks are written, and once for
 * each text that is remembered. The names are those that rules have, see user-agent.ts.
 */
import { isbot } from 'isbot'
import { agentOf } from './user-agent.ts'

/** What is counted of a visitor's program. */
export interface AgentFacts {
  /** Null: unknown, or a program. */
  readonly device: string | null
  readonly browser: string | null
  readonly os: string | null
  /** What kind of program it is; null for a browser that somebody sits in front of. */
  readonly bot: BotClass | null
}

/** Kinds of programs that follow links. */
type BotClass = 'preview' | 'search' | 'ai' | 'monitor' | 'tool' | 'other' | 'unnamed'

/** In the order in which they are tried. */
const classes: readonly (readonly [BotClass, RegExp])[] = [
  [
    'preview',
    /facebookexternalhit|facebot|twitterbot|slackbot|slack-imgproxy|linkedinbot|discordbot|telegrambot|whatsapp|skypeuripreview|pinterest|redditbot|embedly|iframely|viber|mastodon|bluesky|google-read-aloud/i,
  ],
  [
    'ai',
    /gptbot|chatgpt|oai-searchbot|claude|anthropic|perplexity|ccbot|bytespider|google-extended|meta-external|cohere|amazonbot|mistral|diffbot/i,
  ],
  [
    'search',
    /googlebot|google-inspection|bingbot|applebot|yandex|baidu|duckduck|sogou|seznam|petalbot|slurp|naver|qwant|mojeek/i,
  ],
  ['monitor', /uptime|pingdom|statuscake|site24x7|newrelic|datadog|monitor|lighthouse|health/i],
  [
    'tool',
    /curl|wget|python|go-http|java\/|okhttp|axios|node|undici|libwww|postman|httpie|headless|phantom|puppeteer|playwright|selenium|ruby|php|perl|scrapy|guzzle/i,
  ],
]

const nothing = { device: null, browser: null, os: null }
/** One user agent. */
export class Agent {
  /** What is looked at of it; empty when there is none. */
  readonly text: string
  #isBot: boolean | null = null
  #facts: AgentFacts | null = null

  constructor(text: string) {
    this.text = text
  }

  /** Whether it says that it is a program, or nothing: every browser says something. */
  get isBot(): boolean {
    this.#isBot ??= this.text === '' || isbot(this.text)
    return this.#isBot
  }

  get facts(): AgentFacts {
    this.#facts ??= this.isBot ? { ...nothing, bot: botClass(this.text) } : { ...browserFacts(this.text), bot: null }
    return this.#facts
  }
}

/** Of a visitor that sends no user agent. */
export const NO_AGENT = new Agent('')

function botClass(text: string): BotClass {
  if (text === '') return 'unnamed'
  return classes.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other'
}

function browserFacts(text: string): Omit<AgentFacts, 'bot'> {
  const { browser, device, os } = agentOf(text)
  return { device: unlessOther(device), browser: unlessOther(browser), os: unlessOther(os) }
}

function unlessOther(name: string): string | null {
  return name === 'other' ? null : name
}
