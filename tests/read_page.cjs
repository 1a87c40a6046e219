// Reads a page by the npm package statuspage.io, as it is published: read_page.cjs NODE_DIRECTORY URL.
const { createRequire } = require("node:module");
const path = require("node:path");

const [, , directory, url] = process.argv;
const { Statuspage } = createRequire(path.join(path.resolve(directory), "package.json"))("statuspage.io");

(async () => {
  const page = new Statuspage("unused");
  page.setApiUrl(url);
  const { api } = page;
  const summary = await api.getSummary();
  const said = {
    status: (await api.getStatus()).status,
    components: (await api.getComponents()).components,
    all: (await api.incidents.getAll()).incidents,
    unresolved: (await api.incidents.getUnresolved()).incidents,
    upcoming: (await api.scheduledMaintenances.getUpcoming()).scheduled_maintenances,
    summary: {
      incidents: summary.incidents.length,
      components: summary.components.length,
      scheduled: summary.scheduled_maintenances.length,
    },
  };
  console.log(JSON.stringify(said));
})().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
