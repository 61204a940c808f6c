/** Entry of the `understudy` command; subcommands are loaded lazily so that the agent stays light. */
export async function main(args: string[]): Promise<void> {
  console.log('understudy', args);
}
