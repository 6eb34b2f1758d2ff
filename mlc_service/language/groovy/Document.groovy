package org.mlc.scripts

import org.codehaus.groovy.runtime.InvokerHelper

/**
 * A JSON object as scripts see it: a map, which also has the getters and setters of the Java object it stands for.
 * ModelOp's scripts say both `STORED_MODEL.modelMetaData` and `STORED_MODEL.getModelMetaData()`.
 */
class Document extends LinkedHashMap<String, Object> {
    def methodMissing(String name, arguments) {
        Object[] given = arguments as Object[]
        if (given.length == 0 && name.length() > 3 && name.startsWith('get')) {
            return get(property(name.substring(3)))
        }
        if (given.length == 0 && name.length() > 2 && name.startsWith('is')) {
            return get(property(name.substring(2)))
        }
        if (given.length == 1 && name.length() > 3 && name.startsWith('set')) {
            put(property(name.substring(3)), given[0])
            return null
        }
        def stored = get(name)
        if (stored instanceof Closure) {
            return InvokerHelper.invokeClosure(stored, given)
        }
        throw new MissingMethodException(name, Map, given)
    }

    private static String property(String name) {
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1)
    }
}
