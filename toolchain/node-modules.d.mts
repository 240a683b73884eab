/** Installs the npm packages where they are missing or not those of package-lock.json. */
export function ensureNodeModules(projectDir: string, note: (text: string) => void): Promise<void>;

/** Whether `node_modules` holds what package-lock.json names. */
export function packagesMatch(projectDir: string): boolean;
