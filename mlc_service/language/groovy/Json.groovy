package org.mlc.scripts

import com.modelop.sdk.dataobjects.v2.assets.ModelOpObject
import groovy.transform.CompileStatic
import org.codehaus.groovy.runtime.typehandling.DefaultTypeTransformation

import java.time.OffsetDateTime
import java.time.ZonedDateTime
import java.time.temporal.TemporalAccessor

/** A value that no process variable can have. */
@CompileStatic
class NotStorable extends RuntimeException {
    NotStorable(String message) {
        super(message)
    }
}

/**
 * JSON in both directions. Numbers come in as Camunda's variables do: Integer, Long, Double; dates go out as ISO text.
 */
@CompileStatic
class Json {
    static final int DEEPEST = 100
    static final int LARGEST = 32 * 1024 * 1024

    private final StringBuilder out
    private String text
    private int at

    Json(StringBuilder out) {
        this.out = out
    }

    static String write(Object value) {
        StringBuilder out = new StringBuilder(256)
        new Json(out).value(value, 0)
        return out.toString()
    }

    static Object read(String text) {
        Json json = new Json(null)
        json.text = text
        return json.next()
    }

    void value(Object value, int depth) {
        if (depth > DEEPEST) {
            throw new NotStorable("the value is nested deeper than ${DEEPEST} levels")
        }
        if (out.length() > LARGEST) {
            throw new NotStorable('the value is too large')
        }
        if (value == null) {
            out.append('null')
        } else if (value instanceof CharSequence || value instanceof Character) {
            quote(out, value.toString())
        } else if (value instanceof Boolean || value instanceof Integer || value instanceof Long
                || value instanceof BigInteger || value instanceof Short || value instanceof Byte) {
            out.append(value.toString())
        } else if (value instanceof Number) {
            number((Number) value)
        } else if (value instanceof Map) {
            map((Map) value, depth)
        } else if (value instanceof Enum) {
            quote(out, ((Enum) value).name())
        } else if (value instanceof ModelOpObject) {
            map(((ModelOpObject) value).document(), depth)
        } else if (value instanceof byte[]) {
            quote(out, Base64.encoder.encodeToString((byte[]) value))
        } else if (value instanceof Iterable) {
            list(((Iterable<Object>) value).iterator(), depth)
        } else if (value.class.array) {
            list(((Collection<Object>) DefaultTypeTransformation.asCollection(value)).iterator(), depth)
        } else {
            other(value)
        }
    }

    private void number(Number value) {
        double rough = value.doubleValue()
        if (value instanceof BigDecimal) {
            out.append(value.toString())
        } else if (Double.isNaN(rough) || Double.isInfinite(rough)) {
            throw new NotStorable("${value} is not a number that can be stored")
        } else {
            out.append(value.toString())
        }
    }

    private void map(Map<?, ?> map, int depth) {
        out.append('{')
        boolean first = true
        for (Map.Entry<?, ?> each : map.entrySet()) {
            if (!first) {
                out.append(',')
            }
            first = false
            Object key = each.key
            if (!(key instanceof CharSequence || key instanceof Number || key instanceof Enum || key instanceof Boolean)) {
                throw new NotStorable("a key of type ${key == null ? 'null' : key.class.simpleName} cannot be stored")
            }
            quote(out, key.toString())
            out.append(':')
            value(each.value, depth + 1)
        }
        out.append('}')
    }

    private void list(Iterator<Object> each, int depth) {
        out.append('[')
        boolean first = true
        while (each.hasNext()) {
            if (!first) {
                out.append(',')
            }
            first = false
            value(each.next(), depth + 1)
        }
        out.append(']')
    }

    private void other(Object value) {
        if (value instanceof Date) {
            quote(out, java.time.Instant.ofEpochMilli(((Date) value).time).toString())
        } else if (value instanceof Calendar) {
            quote(out, ((Calendar) value).toInstant().toString())
        } else if (value instanceof ZonedDateTime) {
            quote(out, ((ZonedDateTime) value).toOffsetDateTime().toString())
        } else if (value instanceof TemporalAccessor || value instanceof java.time.temporal.TemporalAmount
                || value instanceof UUID || value instanceof URI || value instanceof URL || value instanceof Locale) {
            quote(out, value.toString())
        } else {
            throw new NotStorable("a value of type ${value.class.simpleName} cannot be stored")
        }
    }

    static void quote(StringBuilder out, String text) {
        out.append('"')
        int length = text.length()
        for (int i = 0; i < length; i++) {
            char c = text.charAt(i)
            if (c == ('"' as char) || c == ('\\' as char)) {
                out.append('\\').append(c)
            } else if (c < (' ' as char) || c == (0x2028 as char) || c == (0x2029 as char) || Character.isSurrogate(c)) {
                out.append('\\u')
                String hex = Integer.toHexString((int) c)
                for (int zeros = hex.length(); zeros < 4; zeros++) {
                    out.append('0')
                }
                out.append(hex)
            } else {
                out.append(c)
            }
        }
        out.append('"')
    }

    // reading: the service writes these lines, so anything unexpected is a bug and may fail loudly

    private Object next() {
        skip()
        char c = text.charAt(at)
        switch (c) {
            case '{' as char:
                return object()
            case '[' as char:
                return array()
            case '"' as char:
                return string()
            case 't' as char:
                at += 4
                return Boolean.TRUE
            case 'f' as char:
                at += 5
                return Boolean.FALSE
            case 'n' as char:
                at += 4
                return null
            default:
                return digits()
        }
    }

    private void skip() {
        while (at < text.length() && text.charAt(at) <= (' ' as char)) {
            at++
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> map = new Document()
        at++
        skip()
        if (text.charAt(at) == ('}' as char)) {
            at++
            return map
        }
        while (true) {
            skip()
            String key = string()
            skip()
            at++
            map.put(key, next())
            skip()
            if (text.charAt(at++) == ('}' as char)) {
                return map
            }
        }
    }

    private List<Object> array() {
        List<Object> list = new ArrayList<>()
        at++
        skip()
        if (text.charAt(at) == (']' as char)) {
            at++
            return list
        }
        while (true) {
            list.add(next())
            skip()
            if (text.charAt(at++) == (']' as char)) {
                return list
            }
        }
    }

    private String string() {
        int start = ++at
        while (true) {
            char c = text.charAt(at)
            if (c == ('"' as char)) {
                return text.substring(start, at++)
            }
            if (c == ('\\' as char)) {
                break
            }
            at++
        }
        StringBuilder built = new StringBuilder(text.substring(start, at))
        while (true) {
            char c = text.charAt(at++)
            if (c == ('"' as char)) {
                return built.toString()
            }
            if (c != ('\\' as char)) {
                built.append(c)
                continue
            }
            char kind = text.charAt(at++)
            switch (kind) {
                case 'n' as char: built.append('\n'); break
                case 't' as char: built.append('\t'); break
                case 'r' as char: built.append('\r'); break
                case 'b' as char: built.append('\b'); break
                case 'f' as char: built.append('\f'); break
                case 'u' as char:
                    built.append((char) Integer.parseInt(text.substring(at, at + 4), 16))
                    at += 4
                    break
                default: built.append(kind)
            }
        }
    }

    private Number digits() {
        int start = at
        boolean whole = true
        while (at < text.length()) {
            char c = text.charAt(at)
            if (c == ('.' as char) || c == ('e' as char) || c == ('E' as char)) {
                whole = false
            } else if (!(c >= ('0' as char) && c <= ('9' as char) || c == ('-' as char) || c == ('+' as char))) {
                break
            }
            at++
        }
        String digits = text.substring(start, at)
        if (!whole) {
            return Double.valueOf(digits)
        }
        if (digits.length() < 10) {
            return Integer.valueOf(digits)
        }
        BigInteger exact = new BigInteger(digits)
        if (exact.bitLength() < 32) {
            return Integer.valueOf(exact.intValue())
        }
        if (exact.bitLength() < 64) {
            return Long.valueOf(exact.longValue())
        }
        return exact
    }
}
