resource eastus 'Microsoft.ApiManagement/service/backends@2024-05-01' = {}
