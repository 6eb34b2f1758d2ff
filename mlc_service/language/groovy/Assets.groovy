package com.modelop.sdk.dataobjects.v2.assets

import groovy.transform.CompileStatic

// Our own small stand-ins for the classes of ModelOp's SDK that public scripts build. Set as a variable, such an object
// becomes the JSON document that ModelOp's service shows for it: properties without a value are left out.

@CompileStatic
interface ModelOpObject {
    Map<String, Object> document()
}

enum FileFormat { JSON, CSV, TEXT, AVRO, PARQUET, XML, BINARY, PICKLE, EXCEL, PDF, DOCX, MARKDOWN, ZIP, UNKNOWN }

enum AssetType { FILE, EXTERNAL_FILE, SOURCE_CODE, SQL }

enum AssetUsage { INPUT_ASSET, ADDITIONAL_ASSET }

enum AssetRole {
    TEST_DATA, TRAINING_DATA, BASELINE_DATA, COMPARATOR_DATA, TEST_RESULT_COMPARATOR, MODEL_SOURCE, MODEL_SCHEMA,
    MODEL_METADATA, MODEL_DOCUMENTATION, README_FILE, REQUIRED_LIBRARIES, REQUIRED_ASSETS, WEIGHTS_FILE, RAILS,
    GREAT_EXPECTATIONS_TEST, UNKNOWN
}

enum RepositoryType { GIT_REPO, S3_REPOSITORY, HDFS_REPOSITORY, BUILT_IN_REPOSITORY }

@CompileStatic
class ContentHash implements ModelOpObject {
    String hashType = 'SHA-256'
    String hexString

    Map<String, Object> document() {
        return Documents.of('hashType', hashType, 'hexString', hexString)
    }
}

@CompileStatic
class AssetMetaData implements ModelOpObject {
    Map<String, Object> custom
    Collection<String> tags
    String description

    Map<String, Object> document() {
        return Documents.of('custom', custom, 'tags', tags, 'description', description)
    }
}

@CompileStatic
class RepositoryInfo implements ModelOpObject {
    Object repositoryType
    String host
    Integer port
    Boolean secure
    String region
    String repositoryRemote
    String repositoryBranch
    String lastCommitId

    Map<String, Object> document() {
        return Documents.of('repositoryType', repositoryType, 'host', host, 'port', port, 'secure', secure,
            'region', region, 'repositoryRemote', repositoryRemote, 'repositoryBranch', repositoryBranch,
            'lastCommitId', lastCommitId)
    }
}

@CompileStatic
abstract class Asset implements ModelOpObject {
    String assetId
    String name
    Object assetType
    Object assetRole
    Object usage
    Object metaData
    String filename
    Object fileFormat
    Long fileSize
    Object contentHash
    Object repositoryInfo

    Map<String, Object> document() {
        return Documents.of('assetId', assetId, 'name', name, 'assetType', assetType, 'assetRole', assetRole,
            'usage', usage, 'metaData', metaData, 'filename', filename, 'fileFormat', fileFormat, 'fileSize', fileSize,
            'contentHash', contentHash, 'repositoryInfo', repositoryInfo)
    }

    void setFileSize(Number bytes) { this.fileSize = bytes == null ? null : bytes.longValue() }
}

/** A file whose bytes are in the document, as base64. */
@CompileStatic
class FileAsset extends Asset {
    byte[] fileContent
    String fileContentString

    FileAsset() { assetType = AssetType.FILE }

    void setFileContent(byte[] bytes) { this.fileContent = bytes }

    void setFileContent(CharSequence base64) {
        this.fileContent = base64 == null ? null : Base64.decoder.decode(base64.toString())
    }

    Map<String, Object> document() {
        Map<String, Object> all = super.document()
        if (fileContent != null) {
            all.put('fileContent', fileContent)
            if (fileSize == null) {
                all.put('fileSize', fileContent.length)
            }
        }
        if (fileContentString != null) {
            all.put('fileContentString', fileContentString)
        }
        return all
    }
}

@CompileStatic
class ExternalFileAsset extends Asset {
    String fileUrl
    String browserUrl

    ExternalFileAsset() { assetType = AssetType.EXTERNAL_FILE }

    Map<String, Object> document() {
        Map<String, Object> all = super.document()
        all.putAll(Documents.of('fileUrl', fileUrl, 'browserUrl', browserUrl))
        return all
    }
}

@CompileStatic
class SourceCodeAsset extends Asset {
    Boolean primaryModelSource
    String sourceCode
    String sourceCodeFilePath
    String sourceCodeType
    String initFunction
    String scoreFunction
    String metricsFunction
    String trainFunction

    SourceCodeAsset() { assetType = AssetType.SOURCE_CODE }

    Map<String, Object> document() {
        Map<String, Object> all = super.document()
        all.putAll(Documents.of('primaryModelSource', primaryModelSource, 'sourceCode', sourceCode,
            'sourceCodeFilePath', sourceCodeFilePath, 'sourceCodeType', sourceCodeType, 'initFunction', initFunction,
            'scoreFunction', scoreFunction, 'metricsFunction', metricsFunction, 'trainFunction', trainFunction))
        return all
    }
}

@CompileStatic
class SqlAsset extends Asset {
    String sqlStatement
    Object parameters
    String connectionUri

    SqlAsset() { assetType = AssetType.SQL }

    Map<String, Object> document() {
        Map<String, Object> all = super.document()
        all.putAll(Documents.of('sqlStatement', sqlStatement, 'parameters', parameters, 'connectionUri', connectionUri))
        return all
    }
}

@CompileStatic
class Documents {
    /** Names and values in turn, those without a value left out. */
    static Map<String, Object> of(Object... namesAndValues) {
        Map<String, Object> all = new LinkedHashMap<>()
        for (int i = 0; i < namesAndValues.length; i += 2) {
            if (namesAndValues[i + 1] != null) {
                all.put((String) namesAndValues[i], namesAndValues[i + 1])
            }
        }
        return all
    }
}
