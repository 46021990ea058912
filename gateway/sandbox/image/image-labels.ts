import { isGone, type Engine } from "../docker.ts";

/** An image's labels; undefined when the engine has no such image. */
export async function labelsOf(
  engine: Engine,
  image: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const found = await engine.call("describe the sandbox image", (docker) =>
      docker.getImage(image).inspect(),
    );
    // Both are null in some images of others.
    const config = found.Config as { Labels?: Record<string, string> | null } | null;
    return config?.Labels ?? {};
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
