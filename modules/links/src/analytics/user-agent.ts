/**
 * What a visitor uses, by its user agent: anybody may have written it, and browsers say less there with every year. A
 * tablet of Apple says that it is a computer; Brave and Arc say that they are Chrome.
 */
import bowser from 'bowser'
import { isbot } from 'isbot'
import { TextMemory } from '../clicks/text-memory.ts'

/** Kinds of devices. `bot`: a program that says so. */
export const DEVICES = ['desktop', 'mobile', 'tablet', 'tv', 'bot', 'other'] as const
/** Operating systems. */
export const SYSTEMS = ['windows', 'macos', 'ios', 'android', 'linux', 'chromeos', 'other'] as const
/** Browsers. */
export const BROWSERS = ['chrome', 'safari', 'firefox', 'edge', 'opera', 'samsung', 'other'] as const

/** What a visitor uses. */
export interface Agent {
  readonly device: (typeof DEVICES)[number]
  readonly os: (typeof SYSTEMS)[number]
  readonly browser: (typeof BROWSERS)[number]
}

/** Longest part of a user agent that is looked at, in characters: the name stands in front. */
const LOOKED_AT = 512

const systems: Readonly<Record<string, Agent['os']>> = {
  Windows: 'windows',
  macOS: 'macos',
  iOS: 'ios',
  iPadOS: 'ios',
  Android: 'android',
  Linux: 'linux',
  'Chrome OS': 'chromeos',
}
const browsers: Readonly<Record<string, Agent['browser']>> = {
  Chrome: 'chrome',
  Chromium: 'chrome',
  Safari: 'safari',
  Firefox: 'firefox',
  'Microsoft Edge': 'edge',
  Opera: 'opera',
  'Opera Touch': 'opera',
  'Samsung Internet for Android': 'samsung',
}

const memory = new TextMemory(parsed)

/** What a visitor uses; all of it `other` when nothing is known. Never throws; the same few texts are parsed once. */
export function agentOf(userAgent: string): Agent {
  return memory.of(userAgent.length > LOOKED_AT ? userAgent.slice(0, LOOKED_AT) : userAgent)
}

function parsed(userAgent: string): Agent {
  // The parser takes no empty text.
  if (userAgent === '') return { device: 'other', os: 'other', browser: 'other' }
  const { browser, os: system, platform } = bowser.parse(userAgent)
  const os = systems[system.name ?? ''] ?? 'other'
  // The parser does not say what a Chromebook is.
  const device = os === 'chromeos' ? 'desktop' : deviceOf(platform.type)
  return {
    device: isbot(userAgent) ? 'bot' : device,
    os,
    browser: browsers[browser.name ?? ''] ?? 'other',
  }
}

function deviceOf(type: string | undefined): Agent['device'] {
  return DEVICES.find((device) => device === type) ?? 'other'
}
