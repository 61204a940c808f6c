/** Draws Vega-Lite charts without a browser: SVG by Vega, PNG by resvg with a font of its own. */
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export const FONT = 'PT Sans';
const FONT_FILES = [
  '@expo-google-fonts/pt-sans/400Regular/PTSans_400Regular.ttf',
  '@expo-google-fonts/pt-sans/700Bold/PTSans_700Bold.ttf',
];
const PNG_ZOOM = 1.5;

const require = createRequire(import.meta.url);
let fonts: Promise<Uint8Array[]> | null = null;

/** Starts the renderer once and reads its fonts. */
async function prepare(): Promise<Uint8Array[]> {
  await initWasm(await readFile(require.resolve('@resvg/resvg-wasm/index_bg.wasm')));
  return Promise.all(FONT_FILES.map((file) => readFile(require.resolve(file))));
}

/** A chart as SVG. */
export async function svgOf(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

/** The same as PNG. */
export async function pngOf(svg: string): Promise<Uint8Array> {
  fonts ??= prepare();
  const font = { fontBuffers: await fonts, defaultFontFamily: FONT, loadSystemFonts: false };
  const image = new Resvg(svg, { font, fitTo: { mode: 'zoom', value: PNG_ZOOM }, background: 'white' });
  return image.render().asPng();
}

/** Writes charts as NAME.svg and NAME.png into an existing folder. */
export async function writeCharts(charts: ReadonlyMap<string, TopLevelSpec>, folder: string): Promise<void> {
  for (const [name, spec] of charts) {
    const svg = await svgOf(spec);
    await writeFile(join(folder, `${name}.svg`), svg);
    await writeFile(join(folder, `${name}.png`), await pngOf(svg));
  }
}
