// All deliberate faults.
import type { DeliberateFault } from './fault.ts'
import { brokerFaults } from './broker.ts'
import { databaseFaults } from './database.ts'
import { registryFaults } from './registry.ts'
import { simulatorFaults } from './simulator.ts'

export const faults: readonly DeliberateFault[] = [...brokerFaults, ...databaseFaults, ...registryFaults, ...simulatorFaults]
