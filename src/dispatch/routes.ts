import type { Gateway } from './gateway.ts'

/** A configured gateway and whose orders it hears. */
export interface Route {
  readonly gateway: Gateway
  /** only orders of this tenant; of all tenants when absent */
  readonly tenant?: string
}

/** Which gateways are told of an order. */
export class Routes {
  private readonly byName = new Map<string, Route>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) this.byName.set(route.gateway.name, route)
  }

  namesFor(tenant: string): readonly string[] {
    return [...this.byName.values()]
      .filter((route) => route.tenant === undefined || route.tenant === tenant)
      .map((route) => route.gateway.name)
  }

  gateway(name: string): Gateway | undefined {
    return this.byName.get(name)?.gateway
  }
}
